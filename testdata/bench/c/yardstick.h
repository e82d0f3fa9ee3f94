/* Shared pieces of the hand-written XDP yardsticks. */
#pragma once
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAP(NAME, TYPE, KEY, VALUE, SIZE, FLAGS) \
	struct { __uint(type, TYPE); __type(key, KEY); __type(value, VALUE); \
		 __uint(max_entries, SIZE); __uint(map_flags, FLAGS); } NAME SEC(".maps")

struct counter { __u64 packets, bytes; };
struct vlan_hdr { __be16 tci, proto; };

/* One's complement sum of a 20-byte IPv4 header as it stands, folded to 16 bits. */
static __always_inline __u16 ipv4_sum(const struct iphdr *ip)
{
	const __u32 *w = (const void *)ip;
	__u64 s = (__u64)w[0] + w[1] + w[2] + w[3] + w[4];

	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return (s & 0xffff) + (s >> 16);
}
