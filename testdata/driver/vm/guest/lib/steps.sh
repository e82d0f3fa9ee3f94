# steps.sh: what the tests of the probe path have in common. Sourced by them.

dev=platform/p4ref
knobs=/sys/module/p4ref/parameters

fail() { echo "FAILED: $*" >&2; exit 1; }

# install PACKAGE: the package for the device, where a probe looks for it.
install() { cp "/packages/$1.p4fw" /lib/firmware/p4dev/p4ref.p4fw; }

# runs VERSION, stores VERSION: what the device must report; "" for nothing.
version() { p4dev -j show $dev info | tr -d ' \n' | sed "s/.*\"$1\":{[^}]*\"fw.app\":\"\([^\"]*\)\".*/\1/"; }
runs() { [ "$(version running)" = "$1" ] || fail "runs '$(version running)', want '$1'"; }
stores() { [ "$(version stored)" = "$1" ] || fail "has stored '$(version stored)', want '$1'"; }

# Before Linux 6.9 there is no may_goto, which l3router needs for its acl: it has no fallback there, and p4dev says why.
# TestRouterOnWires has a smaller one, which forwards on Linux 6.1 too.
case $(uname -r) in
6.1.*) fallback= ;;
*) fallback=--fallback ;;
esac

# probe WORDS: what the unit in docs/probe runs when the driver binds; WORDS must be in the log.
probe() {
	p4dev flash --probe $fallback $dev >/tmp/probe.log 2>&1 || { cat /tmp/probe.log; fail "the probe failed"; }
	cat /tmp/probe.log
	grep -q "$1" /tmp/probe.log || fail "the log does not say: $1"
}

# probe_fails WORDS: likewise, and the probe must fail.
probe_fails() {
	! p4dev flash --probe $fallback --wait 3s $dev >/tmp/probe.log 2>&1 || { cat /tmp/probe.log; fail "the probe did not fail"; }
	cat /tmp/probe.log
	grep -q "$1" /tmp/probe.log || fail "the log does not say: $1"
}

# attached: the fallback is, or p4dev says what is missing for it. The network at both ends of the device is made.
attached() {
	if [ -z "$fallback" ]; then
		! p4dev fallback attach $dev 2>/tmp/attach.log || fail "attached without may_goto"
		cat /tmp/attach.log
		grep -q "may_goto.*Linux 6.9" /tmp/attach.log || fail "it does not say that may_goto is missing"
		return
	fi
	p4dev fallback show
	neighbours
	router
	forwards
	p4dev table list $dev
}

# neighbours: a network namespace at the other end of each of the first two cables.
neighbours() {
	for n in 1 2; do
		/sbin/ip netns add n$n
		/sbin/ip link set p4wire$n netns n$n address 02:00:00:00:00:a$n
		/sbin/ip -n n$n addr add 10.$n.0.10/24 dev p4wire$n
		/sbin/ip -n n$n link set p4wire$n up
		/sbin/ip -n n$n neigh add 10.$n.0.1 lladdr 02:00:00:00:00:0$n dev p4wire$n
		/sbin/ip -n n$n route add default via 10.$n.0.1
		/sbin/ip link set p4ref$n up
	done
}

# router: entries that make the fallback route between the two.
router() {
	for n in 1 2; do
		p4dev table add $dev my_station $n 02:00:00:00:00:0$n route
		p4dev table add $dev nexthop 7$n forward $n 02:00:00:00:00:0$n 02:00:00:00:00:a$n
		p4dev table add $dev ipv4_lpm 10.$n.0.0/24 set_nexthop 7$n
	done
}

# forwards: packets from one to the other and back, where there is a fallback.
forwards() { [ -z "$fallback" ] || /sbin/ip netns exec n1 ping -c 3 -W 5 10.2.0.10; }
