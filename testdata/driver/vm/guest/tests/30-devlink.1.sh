# What p4dev and the devlink command say of the same devices, member by member; and firmware that is no package.
mkdir -p /src/cmd/p4dev
cd /src/cmd/p4dev
devlink region new netdevsim/netdevsim1/dummy snapshot 1
P4DEV_TEST_DEVLINK_COMMAND="netdevsim/netdevsim1 platform/p4ref" p4dev.test -test.v -test.run '^TestDevlinkCommandKernel$'
devlink region del netdevsim/netdevsim1/dummy snapshot 1

echo firmware >/lib/firmware/nsim.bin
p4dev flash netdevsim/netdevsim1 nsim.bin
p4dev flash netdevsim/netdevsim1 nsim.bin --overwrite settings
p4dev -j flash --dry-run netdevsim/netdevsim1 nsim.bin --want fw.mgmt=10.20.31 || echo "exit $?"
p4dev flash netdevsim/netdevsim1 nsim.bin --component fw.mgmt --want fw.mgmt=10.20.31 || echo "exit $?"
p4dev flash netdevsim/netdevsim1 --want fw.mgmt=10.20.30 || echo "exit $?"
p4dev show netdevsim/netdevsim1
p4dev set param netdevsim/netdevsim1 max_macs 64
p4dev set resource netdevsim/netdevsim1 /IPv4/fib 64
p4dev set trap netdevsim/netdevsim1 blackhole_route trap
p4dev set trap-policer netdevsim/netdevsim1 1 --rate 2000
p4dev set health netdevsim/netdevsim1 dummy --auto-recover=false
p4dev reload netdevsim/netdevsim1
p4dev region read netdevsim/netdevsim1 dummy --length 0x20
p4dev health dump netdevsim/netdevsim1 dummy
p4dev show platform/p4ref entries
