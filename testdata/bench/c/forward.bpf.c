/* Yardstick for a P4 program that does nothing but send port 1 to port 2. */
#include "yardstick.h"

MAP(ports, BPF_MAP_TYPE_DEVMAP, __u32, __u32, 512, 0);

const volatile __u32 first = 1; /* index of port 1, known when the program is loaded */

SEC("xdp")
int forward(struct xdp_md *ctx)
{
	if (ctx->ingress_ifindex != first)
		return XDP_PASS;
	return bpf_redirect_map(&ports, 2, XDP_DROP);
}

char _license[] SEC("license") = "GPL";
