/* Yardstick for one ternary table: tuple-space search. There is a hash lookup for every mask, the masks by
 * falling priority of their best rule, so that the search ends early. Priorities: the larger wins. */
#include "yardstick.h"

struct flow { __u32 src, dst; __u16 sport, dport; __u32 proto; };
struct mask { struct flow bits; __u32 best; __u32 used; };
struct key { struct flow flow; __u32 mask; };
struct rule { __u32 priority, port; };

MAP(masks, BPF_MAP_TYPE_ARRAY, __u32, struct mask, 2048, 0);
MAP(rules, BPF_MAP_TYPE_HASH, struct key, struct rule, 1048576, 0);
MAP(ports, BPF_MAP_TYPE_DEVMAP, __u32, __u32, 512, 0);

struct search { struct flow flow; __u32 priority, port; };

static long probe(__u32 i, struct search *s)
{
	struct mask *m = bpf_map_lookup_elem(&masks, &i);
	if (!m || !m->used || m->best <= s->priority)
		return 1;
	struct key k = { .mask = i };
	k.flow.src = s->flow.src & m->bits.src;
	k.flow.dst = s->flow.dst & m->bits.dst;
	k.flow.sport = s->flow.sport & m->bits.sport;
	k.flow.dport = s->flow.dport & m->bits.dport;
	k.flow.proto = s->flow.proto & m->bits.proto;
	struct rule *r = bpf_map_lookup_elem(&rules, &k);
	if (r && r->priority > s->priority) {
		s->priority = r->priority;
		s->port = r->port;
	}
	return 0;
}

SEC("xdp")
int tss(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);

	if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_DROP;
	struct search s = { .flow = { ip->saddr, ip->daddr, udp->source, udp->dest, ip->protocol } };
	bpf_loop(2048, probe, &s, 0);
	if (!s.priority)
		return XDP_DROP;
	return bpf_redirect_map(&ports, s.port, XDP_DROP);
}

char _license[] SEC("license") = "GPL";
