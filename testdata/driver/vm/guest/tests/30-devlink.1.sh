# Firmware that is no package, and what the devlink command does, done by p4dev; then, of the same devices, what both
# programs say, member by member.
rmmod p4ref netdevsim || true
modprobe netdevsim
echo "1 2" >/sys/bus/netdevsim/new_device
modprobe p4ref ports=2
cp /src/testdata/wire/keys.p4fw /lib/firmware/p4dev/keys.p4fw
p4dev flash platform/p4ref keys.p4fw
mkdir -p /src/cmd/p4dev
cd /src/cmd/p4dev
expect() { # STATUS COMMAND...
	local want=$1 got=0
	shift
	"$@" || got=$?
	[ $got = "$want" ] || { echo "exit status $got, want $want: $*"; return 1; }
}

echo firmware >/lib/firmware/nsim.bin
p4dev flash netdevsim/netdevsim1 nsim.bin
expect 1 p4dev flash netdevsim/netdevsim1 nsim.bin --overwrite settings
echo 1 >/sys/kernel/debug/netdevsim/netdevsim1/fw_update_overwrite_mask # the driver can, from now on
p4dev flash netdevsim/netdevsim1 nsim.bin --overwrite settings
expect 1 p4dev flash netdevsim/netdevsim1 nsim.bin --component fw.app
expect 1 p4dev flash netdevsim/netdevsim1 nsim.bin --component fw.mgmt --want fw.mgmt=10.20.31
expect 2 p4dev flash netdevsim/netdevsim1 --want fw.mgmt=10.20.30

p4dev set param netdevsim/netdevsim1 max_macs 64
p4dev set resource netdevsim/netdevsim1 /IPv4/fib 64
p4dev set trap netdevsim/netdevsim1 blackhole_route trap
p4dev set trap-policer netdevsim/netdevsim1 1 --rate 2000
p4dev set trap-group netdevsim/netdevsim1 l3_drops --policer 1
p4dev set health netdevsim/netdevsim1 dummy --auto-recover=false
p4dev reload netdevsim/netdevsim1
expect 1 p4dev reload netdevsim/netdevsim1 --action fw_activate
p4dev region read netdevsim/netdevsim1 dummy --length 0x20
p4dev show netdevsim/netdevsim1 regions
p4dev region new netdevsim/netdevsim1 dummy --snapshot 9
p4dev health dump netdevsim/netdevsim1 dummy
p4dev show netdevsim/netdevsim1
p4dev show platform/p4ref entries

devlink -j health diagnose netdevsim/netdevsim1 reporter dummy >/out/diagnose.devlink.json
p4dev -j health diagnose netdevsim/netdevsim1 dummy >/out/diagnose.p4dev.json
P4DEV_TEST_DEVLINK_COMMAND="netdevsim/netdevsim1 platform/p4ref" p4dev.test -test.v -test.run '^TestDevlinkCommandKernel$'
p4dev region delete netdevsim/netdevsim1 dummy 9
