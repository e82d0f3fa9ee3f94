/* Gives the measured program a new packet in every run of BPF_PROG_TEST_RUN, which hands each run the packet that
 * the one before left: restores length and headers, writes the next 16 bytes of a list at a fixed offset and jumps to
 * the program in slot 0. What this costs is measured with "empty" in that slot. */
#include "yardstick.h"

struct patch { __u64 word[2]; };
struct headers { __u64 word[16]; };

MAP(patches, BPF_MAP_TYPE_ARRAY, __u32, struct patch, 1, BPF_F_MMAPABLE);
MAP(headers, BPF_MAP_TYPE_ARRAY, __u32, struct headers, 1, 0);
MAP(targets, BPF_MAP_TYPE_PROG_ARRAY, __u32, __u32, 1, 0);

const volatile __u32 last = 0;     /* number of patches, a power of two, less 1 */
const volatile __u32 offset = 0;   /* where a patch goes, at most 48 */
const volatile __u32 size = 64;    /* bytes of headers to restore, 64 or 128 */
const volatile __s32 length = 64;  /* of the packet */
const volatile __u32 resizes = 0;  /* whether the program changes the length */

__u64 next;

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp")
int shuffle(struct xdp_md *ctx)
{
	__u32 zero = 0, i = next++ & last;
	struct headers *h = bpf_map_lookup_elem(&headers, &zero);
	struct patch *p = bpf_map_lookup_elem(&patches, &i);

	if (!h || !p)
		return XDP_ABORTED;
	if (resizes) {
		void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
		long grown = end - data;
		asm volatile("" : "+r"(grown)); /* or clang subtracts the pointers in 32 bits */
		grown -= length;
		if (bpf_xdp_adjust_head(ctx, grown))
			return XDP_ABORTED;
	}
	__u64 *w = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	if ((void *)w + 80 > (void *)end)
		return XDP_ABORTED;
#pragma unroll
	for (int j = 0; j < 8; j++)
		w[j] = h->word[j];
	if (size > 64) {
		if ((void *)w + 128 > (void *)end)
			return XDP_ABORTED;
#pragma unroll
		for (int j = 8; j < 16; j++)
			w[j] = h->word[j];
	}
	__u64 *at = (void *)w + (offset & 63);
	at[0] = p->word[0];
	at[1] = p->word[1];
	bpf_tail_call(ctx, &targets, 0);
	return XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
