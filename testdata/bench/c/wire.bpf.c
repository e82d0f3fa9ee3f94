/* Both ends of a wire: "send" puts the frames of a test run with live frames into a device, "count" counts and drops
 * what comes out at the far end. The kernel uses frames again as they came back, so their headers are written anew. */
#include "yardstick.h"

MAP(out, BPF_MAP_TYPE_DEVMAP, __u32, __u32, 1, 0);
struct headers { __u64 word[16]; };
MAP(headers, BPF_MAP_TYPE_ARRAY, __u32, struct headers, 1, 0);
MAP(arrived, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct counter, 1, 0);

SEC("xdp")
int send(struct xdp_md *ctx)
{
	__u64 *w = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	struct headers *h = bpf_map_lookup_elem(&headers, &zero);

	if (!h || (void *)w + 64 > (void *)end)
		return XDP_ABORTED;
#pragma unroll
	for (int j = 0; j < 8; j++)
		w[j] = h->word[j];
	if ((void *)w + 128 <= (void *)end) {
#pragma unroll
		for (int j = 8; j < 16; j++)
			w[j] = h->word[j];
	}
	return bpf_redirect_map(&out, 0, XDP_DROP);
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct counter *c = bpf_map_lookup_elem(&arrived, &zero);
	if (c) {
		c->packets++;
		c->bytes += ctx->data_end - ctx->data;
	}
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
