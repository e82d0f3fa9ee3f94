/* Yardstick for one exact table: the destination address of the frame leads to a port. */
#include "yardstick.h"

struct address { __u8 mac[6]; __u16 pad; };

MAP(table, BPF_MAP_TYPE_HASH, struct address, __u32, 1048576, 0);
MAP(ports, BPF_MAP_TYPE_DEVMAP, __u32, __u32, 512, 0);

SEC("xdp")
int hash(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct address k = {};

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(k.mac, eth->h_dest, 6);
	__u32 *port = bpf_map_lookup_elem(&table, &k);
	if (!port)
		return XDP_DROP;
	return bpf_redirect_map(&ports, *port, XDP_DROP);
}

char _license[] SEC("license") = "GPL";
