# The contract suite, against netdevsim and against p4ref, and what p4ref advertises.
modprobe netdevsim
echo "1 2" >/sys/bus/netdevsim/new_device
mkdir -p /lib/firmware/p4dev
cp /packages/l3router-1.0.0.p4fw /lib/firmware/p4dev/contract.p4fw
P4DEV_TEST_DEVLINK=netdevsim/netdevsim1 P4DEV_TEST_DEVLINK_SNAPSHOT=dummy P4DEV_TEST_DEVLINK_RELOAD=driver_reinit \
	P4DEV_TEST_DEVLINK_FLASH=p4dev/contract.p4fw devlink.test -test.run '^TestKernel'

modprobe p4ref ports=2
P4DEV_TEST_DEVLINK=platform/p4ref P4DEV_TEST_DEVLINK_RELOAD=fw_activate P4DEV_TEST_DEVLINK_FLASH=p4dev/contract.p4fw \
	devlink.test -test.run '^TestKernel'
P4DEV_TEST_DEVLINK=platform/p4ref P4DEV_TEST_DEVLINK_SNAPSHOT=p4-pipeline P4DEV_TEST_DEVLINK_RELOAD=driver_reinit \
	P4DEV_TEST_DEVLINK_FLASH=p4dev/contract.p4fw devlink.test -test.run '^TestKernel'
echo "router_ingress.ipv6_lpm 300" >/sys/kernel/debug/p4ref/fill
P4DEV_TEST_DEVLINK=platform/p4ref P4DEV_TEST_DEVLINK_COUNTERS=router_ingress.ipv6_lpm devlink.test -test.run "^TestKernelContract$"
p4dev show platform/p4ref
