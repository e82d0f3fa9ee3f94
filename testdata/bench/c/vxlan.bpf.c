/* Yardstick for vxlan_gateway.p4: encapsulation and decapsulation of IPv4 frames. */
#include "yardstick.h"

struct vxlan_hdr { __u8 flags, reserved[3], vni[3], reserved2; };
struct local_key { __u32 dst; __u32 vni; __u8 mac[6]; __u16 pad; };
struct remote_key { __u32 vni; __u8 mac[6]; __u16 pad; };
struct remote { __u32 src, dst, port; __u8 smac[6], dmac[6]; };
struct outer { struct ethhdr eth; struct iphdr ip; struct udphdr udp; struct vxlan_hdr vxlan; } __attribute__((packed));

MAP(port_vni, BPF_MAP_TYPE_HASH, __u32, __u32, 512, 0);
MAP(local_vtep, BPF_MAP_TYPE_HASH, struct local_key, __u32, 16384, 0);
MAP(remote_vtep, BPF_MAP_TYPE_HASH, struct remote_key, struct remote, 65536, 0);
MAP(ports, BPF_MAP_TYPE_DEVMAP, __u32, __u32, 512, 0);

static __always_inline __u16 crc16(const __u8 *p, int n)
{
	__u16 crc = 0;
#pragma unroll
	for (int i = 0; i < n; i++) {
		crc ^= p[i];
#pragma unroll
		for (int b = 0; b < 8; b++)
			crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
	}
	return crc;
}

static __always_inline int decap(struct xdp_md *ctx, const struct outer *o, const struct ethhdr *inner)
{
	struct local_key k = { o->ip.daddr, (__u32)o->vxlan.vni[0] << 16 | o->vxlan.vni[1] << 8 | o->vxlan.vni[2] };
	__builtin_memcpy(k.mac, inner->h_dest, 6);
	__u32 *port = bpf_map_lookup_elem(&local_vtep, &k);
	if (!port || bpf_xdp_adjust_head(ctx, sizeof(struct outer)))
		return XDP_DROP;
	return bpf_redirect_map(&ports, *port, XDP_DROP);
}

SEC("xdp")
int vxlan(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct outer *o = data;
	__u16 len = end - data;
	__u32 in = ctx->ingress_ifindex;
	struct { __u8 macs[12]; __u32 src, dst; } flow = {};

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_DROP;
	if (ip->ihl == 5 && ip->protocol == IPPROTO_UDP && (void *)(o + 1) + sizeof(*eth) <= end &&
	    o->udp.dest == bpf_htons(4789))
		return decap(ctx, o, (void *)(o + 1));

	__u32 *vni = bpf_map_lookup_elem(&port_vni, &in);
	if (!vni || !*vni)
		return XDP_DROP;
	struct remote_key k = { .vni = *vni };
	__builtin_memcpy(k.mac, eth->h_dest, 6);
	struct remote *r = bpf_map_lookup_elem(&remote_vtep, &k);
	if (!r)
		return XDP_DROP;
	__builtin_memcpy(flow.macs, eth->h_source, 6);
	__builtin_memcpy(flow.macs + 6, eth->h_dest, 6);
	flow.src = ip->saddr;
	flow.dst = ip->daddr;
	__u16 entropy = 0xc000 + crc16((void *)&flow, sizeof(flow)) % 0x3fff;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct outer)))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	o = data;
	if ((void *)(o + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(o->eth.h_dest, r->dmac, 6);
	__builtin_memcpy(o->eth.h_source, r->smac, 6);
	o->eth.h_proto = bpf_htons(ETH_P_IP);
	o->ip = (struct iphdr){ .version = 4, .ihl = 5, .tot_len = bpf_htons(len + 36), .frag_off = bpf_htons(0x4000),
				.ttl = 64, .protocol = IPPROTO_UDP, .saddr = r->src, .daddr = r->dst };
	o->ip.check = ~ipv4_sum((struct iphdr *)((void *)o + sizeof(o->eth)));
	o->udp = (struct udphdr){ .source = bpf_htons(entropy), .dest = bpf_htons(4789), .len = bpf_htons(len + 16) };
	o->vxlan = (struct vxlan_hdr){ .flags = 8, .vni = { *vni >> 16, *vni >> 8, *vni } };
	return bpf_redirect_map(&ports, r->port, XDP_DROP);
}

char _license[] SEC("license") = "GPL";
