package demo

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Addresses of the router that the demonstration makes of l3router.p4: packets come in on port 1 and leave by
// port 2, to one of two neighbours.
var (
	routerMAC = [2]net.HardwareAddr{{2, 0, 0, 0, 0, 0x01}, {2, 0, 0, 0, 0, 0x02}} // of ports 1 and 2
	peerMAC   = [2]net.HardwareAddr{{2, 0, 0, 0, 0, 0xb1}, {2, 0, 0, 0, 0, 0xb2}} // of the neighbours, by nexthop
	senderMAC = net.HardwareAddr{2, 0, 0, 0, 0, 0xaa}
	senderIP  = netip.MustParseAddr("192.0.2.1")
)

// route is one entry of ipv4_lpm and an address that it, and no longer one, leads to.
type route struct {
	prefix  netip.Prefix
	nexthop int // 1 or 2
	dst     netip.Addr
}

// hardwareRoutes is how many routes the demonstration's NIC has room for.
const hardwareRoutes = 4

// routes are more than the hardware has room for, and overlap: a short one may go into hardware only when the
// longer ones inside of it are there.
var routes = []route{
	{netip.MustParsePrefix("10.1.2.0/24"), 1, netip.MustParseAddr("10.1.2.3")},
	{netip.MustParsePrefix("10.1.0.0/16"), 2, netip.MustParseAddr("10.1.77.1")},
	{netip.MustParsePrefix("198.51.100.0/24"), 1, netip.MustParseAddr("198.51.100.9")},
	{netip.MustParsePrefix("203.0.113.0/24"), 2, netip.MustParseAddr("203.0.113.50")},
	{netip.MustParsePrefix("172.16.0.0/12"), 1, netip.MustParseAddr("172.16.5.5")},
	{netip.MustParsePrefix("100.64.0.0/10"), 2, netip.MustParseAddr("100.64.0.1")},
	{netip.MustParsePrefix("10.0.0.0/8"), 2, netip.MustParseAddr("10.200.0.1")},
	{netip.MustParsePrefix("0.0.0.0/0"), 1, netip.MustParseAddr("8.8.8.8")},
}

// words are the entries as a person would type them behind "p4dev table add NAME".
func words() (entries [][]string) {
	entries = append(entries, []string{"my_station", "1", routerMAC[0].String(), "route"})
	for i, mac := range peerMAC {
		entries = append(entries, []string{"nexthop", fmt.Sprint(i + 1), "forward", "2", routerMAC[1].String(), mac.String()})
	}
	for _, r := range routes {
		entries = append(entries, []string{"ipv4_lpm", r.prefix.String(), "set_nexthop", fmt.Sprint(r.nexthop)})
	}
	return entries
}

// entries reads what words says; keys is how many words are keys, by table.
func entries(p *pipeline.Program) ([]*pipeline.Entry, error) {
	keys := map[string]int{"my_station": 2, "nexthop": 1, "ipv4_lpm": 1}
	var list []*pipeline.Entry
	for _, w := range words() {
		n := 1 + keys[w[0]]
		e, err := pipeline.ParseEntry(p, w[0], w[1:n], w[n], w[n+1:], 0)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// flow returns the packet with a sequence number that tries a route.
func (r route) flow(seq uint32) flow {
	return flow{dstMAC: routerMAC[0], srcMAC: senderMAC, src: senderIP, dst: r.dst, ttl: 64, port: uint16(seq), seq: seq}
}

// expect returns the frame that must leave by port 2.
func (r route) expect(seq uint32) []byte {
	return r.flow(seq).routed(routerMAC[1], peerMAC[r.nexthop-1])
}
