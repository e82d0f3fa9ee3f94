package bench

// rows lists the comparisons in the order of a report.
func rows() []row {
	const ns = "ns per packet"
	return []row{
		{"router4", "l3router, one IPv4 route", "C", ns, programRow(router4)},
		{"router6", "l3router, one IPv6 route", "C", ns, programRow(router6)},
		{"switch", "l2switch, known unicast", "C", ns, programRow(bridge)},
		{"encap", "vxlan_gateway, encapsulation", "C", ns, programRow(encap)},
		{"decap", "vxlan_gateway, decapsulation", "C", ns, programRow(decap)},
		{"forward", "a program that sends port 1 to port 2", "C", ns, programRow(forward)},
		{"exact", "one exact table by its number of entries", "C, hash map", ns, exactRow},
		{"lpm4", "l3router by its number of IPv4 routes", "C, LPM trie", ns, lpm4Row},
		{"lpm6", "l3router by its number of IPv6 routes", "C, LPM trie", ns, lpm6Row},
		{"ternary", "one ternary table by its number of masks", "C, tuple-space search", ns, ternaryRow},
		{"insert", "entries inserted by one thread", "plain hash map", "M entries per second", insertRow},
		{"memory", "memory for the entries of a table", "kernel's own map type", "bytes per entry", memoryRow},
		{"load", "package to attached program", "", "ms", loadRow},
		{"update", "from a change of one entry to the first packet that sees it", "", "ms", updateRow},
		{"wire-router", "l3router from veth to veth, one core sends, one forwards", "C", "M packets per second", wireRow(router4)},
		{"wire-switch", "l2switch from veth to veth", "C", "M packets per second", wireRow(bridge)},
		{"wire-encap", "vxlan_gateway from veth to veth, encapsulation", "C", "M packets per second", wireRow(encap)},
		{"wire-forward", "a program that sends port 1 to port 2, from veth to veth", "C", "M packets per second", wireRow(forward)},
		{"wire-decap", "vxlan_gateway from veth to veth, decapsulation", "C", "M packets per second", wireRow(decap)},
		{"interp", "l3router interpreted", "BMv2, published", "M packets per second", interpRow},
		{"decode", "dumps of a device shown as JSON, each by a process of its own", "devlink", "ms of CPU time, MiB resident at most", decodeRow},
	}
}
