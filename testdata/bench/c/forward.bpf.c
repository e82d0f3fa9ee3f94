/* Yardstick for a P4 program that does nothing but send port 1 to port 2. */
#include "yardstick.h"

MAP(ports, BPF_MAP_TYPE_DEVMAP, __u32, __u32, 512, 0);

SEC("xdp")
int forward(struct xdp_md *ctx)
{
	if (ctx->ingress_ifindex != 1)
		return XDP_PASS;
	return bpf_redirect_map(&ports, 2, XDP_DROP);
}

char _license[] SEC("license") = "GPL";
