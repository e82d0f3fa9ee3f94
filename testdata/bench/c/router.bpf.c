/* Yardstick for l3router.p4: the same tables and counters, in the C that a careful engineer would
 * write. Ports are interface indexes; XDP_PASS is the host port. The ACL is left out: with no rule in
 * it, it must cost nothing. */
#include "yardstick.h"

struct station { __u32 port; __u8 mac[6]; __u16 pad; };
struct lpm4 { __u32 plen; __u32 addr; };
struct lpm6 { __u32 plen; __u8 addr[16]; };
struct route { __u32 nexthop; __u32 id; };
struct adjacency { __u32 port; __u8 smac[6]; __u8 dmac[6]; };

MAP(my_station, BPF_MAP_TYPE_HASH, struct station, __u32, 64, 0);
MAP(ipv4_lpm, BPF_MAP_TYPE_LPM_TRIE, struct lpm4, struct route, 1048576, BPF_F_NO_PREALLOC);
MAP(ipv6_lpm, BPF_MAP_TYPE_LPM_TRIE, struct lpm6, struct route, 262144, BPF_F_NO_PREALLOC);
MAP(nexthop, BPF_MAP_TYPE_HASH, __u32, struct adjacency, 65536, 0);
MAP(route_counters, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct counter, 1310720, 0);
MAP(ports, BPF_MAP_TYPE_DEVMAP, __u32, __u32, 512, 0);

/* Counts the packet on its route and finds where the route leads. */
static __always_inline struct adjacency *adjacency_of(const struct route *r, __u64 bytes)
{
	__u32 id = r->id, nh = r->nexthop;
	struct counter *c = bpf_map_lookup_elem(&route_counters, &id);
	if (c) {
		c->packets++;
		c->bytes += bytes;
	}
	return bpf_map_lookup_elem(&nexthop, &nh);
}

static __always_inline int forward(struct ethhdr *eth, const struct adjacency *a)
{
	__builtin_memcpy(eth->h_source, a->smac, 6);
	__builtin_memcpy(eth->h_dest, a->dmac, 6);
	return bpf_redirect_map(&ports, a->port, XDP_DROP);
}

SEC("xdp")
int router(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	void *l3 = eth + 1;

	if (l3 > end)
		return XDP_DROP;
	__be16 proto = eth->h_proto;
	if (proto == bpf_htons(ETH_P_8021Q)) {
		struct vlan_hdr *v = l3;
		if ((void *)(v + 1) > end)
			return XDP_DROP;
		proto = v->proto;
		l3 = v + 1;
	}
	struct station s = { .port = ctx->ingress_ifindex };
	__builtin_memcpy(s.mac, eth->h_dest, 6);
	if (!bpf_map_lookup_elem(&my_station, &s))
		return XDP_PASS;

	if (proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = l3;
		if ((void *)(ip + 1) > end || ip->ihl < 5)
			return XDP_DROP;
		if (ip->ihl != 5)
			return XDP_PASS;
		if (ipv4_sum(ip) != 0xffff)
			return XDP_DROP;
		if (ip->ttl <= 1)
			return XDP_PASS;
		struct lpm4 k = { 32, ip->daddr };
		struct route *r = bpf_map_lookup_elem(&ipv4_lpm, &k);
		if (!r)
			return XDP_PASS;
		struct adjacency *a = adjacency_of(r, end - data);
		if (!a)
			return XDP_PASS;
		__u32 sum = ip->check + bpf_htons(0x0100);
		ip->check = sum + (sum >= 0xffff);
		ip->ttl--;
		return forward(eth, a);
	}
	if (proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = l3;
		if ((void *)(ip6 + 1) > end)
			return XDP_DROP;
		if (ip6->hop_limit <= 1)
			return XDP_PASS;
		struct lpm6 k = { 128 };
		__builtin_memcpy(k.addr, &ip6->daddr, 16);
		struct route *r = bpf_map_lookup_elem(&ipv6_lpm, &k);
		if (!r)
			return XDP_PASS;
		struct adjacency *a = adjacency_of(r, end - data);
		if (!a)
			return XDP_PASS;
		ip6->hop_limit--;
		return forward(eth, a);
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
