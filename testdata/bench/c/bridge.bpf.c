/* Yardstick for l2switch.p4: known unicast, VLAN-aware, with learning checked and no tagging change. */
#include "yardstick.h"

struct port_vlan_key { __u32 port; __u32 tagged; };
struct smac_key { __u16 vid; __u8 mac[6]; __u32 port; };
struct dmac_key { __u16 vid; __u8 mac[6]; };
struct egress_key { __u32 port; __u16 vid; __u16 tagged; };

MAP(port_vlan, BPF_MAP_TYPE_HASH, struct port_vlan_key, __u32, 1024, 0);
MAP(smac, BPF_MAP_TYPE_HASH, struct smac_key, __u32, 65536, 0);
MAP(dmac, BPF_MAP_TYPE_HASH, struct dmac_key, __u32, 65536, 0);
MAP(egress_vlan, BPF_MAP_TYPE_HASH, struct egress_key, __u32, 8192, 0);
MAP(port_counters, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct counter, 512, 0);
MAP(ports, BPF_MAP_TYPE_DEVMAP, __u32, __u32, 512, 0);

SEC("xdp")
int bridge(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u32 in = ctx->ingress_ifindex, slot = in & 511;
	__u16 vid = 0, tagged = 0;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_8021Q)) {
		struct vlan_hdr *v = (void *)(eth + 1);
		if ((void *)(v + 1) > end)
			return XDP_DROP;
		vid = bpf_ntohs(v->tci) & 0xfff;
		tagged = 1;
	}
	struct counter *c = bpf_map_lookup_elem(&port_counters, &slot);
	if (c) {
		c->packets++;
		c->bytes += end - data;
	}
	if (eth->h_source[0] & 1)
		return XDP_DROP;
	struct port_vlan_key pk = { in, tagged };
	__u32 *pvid = bpf_map_lookup_elem(&port_vlan, &pk);
	if (!pvid)
		return XDP_DROP;
	if (*pvid)
		vid = *pvid;
	struct smac_key sk = { .vid = vid, .port = in };
	__builtin_memcpy(sk.mac, eth->h_source, 6);
	if (!bpf_map_lookup_elem(&smac, &sk))
		return XDP_PASS; /* to be learned */
	struct dmac_key dk = { .vid = vid };
	__builtin_memcpy(dk.mac, eth->h_dest, 6);
	__u32 *out = bpf_map_lookup_elem(&dmac, &dk);
	if (!out || *out == in)
		return XDP_DROP;
	struct egress_key ek = { *out, vid, tagged };
	if (bpf_map_lookup_elem(&egress_vlan, &ek))
		return XDP_PASS; /* tag or untag: not in this yardstick */
	return bpf_redirect_map(&ports, *out, XDP_DROP);
}

char _license[] SEC("license") = "GPL";
