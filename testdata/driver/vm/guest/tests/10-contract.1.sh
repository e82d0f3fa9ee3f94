# The contract suite, against netdevsim and against p4ref, and what p4ref advertises.
modprobe netdevsim
echo "1 2" >/sys/bus/netdevsim/new_device
mkdir -p /lib/firmware/p4dev
cp /packages/l2switch-1.0.0.p4fw /lib/firmware/p4dev/contract.p4fw
P4DEV_TEST_DEVLINK=netdevsim/netdevsim1 P4DEV_TEST_DEVLINK_SNAPSHOT=dummy P4DEV_TEST_DEVLINK_RELOAD=driver_reinit \
	P4DEV_TEST_DEVLINK_FLASH=p4dev/contract.p4fw devlink.test -test.run '^TestKernel'

modprobe p4ref mtd=p4ref-flash ports=2
P4DEV_TEST_DEVLINK=platform/p4ref P4DEV_TEST_DEVLINK_RELOAD=fw_activate P4DEV_TEST_DEVLINK_FLASH=p4dev/contract.p4fw \
	devlink.test -test.run '^TestKernel'
P4DEV_TEST_DEVLINK=platform/p4ref P4DEV_TEST_DEVLINK_SNAPSHOT=p4-pipeline P4DEV_TEST_DEVLINK_RELOAD=driver_reinit \
	P4DEV_TEST_DEVLINK_FLASH=p4dev/contract.p4fw devlink.test -test.run '^TestKernel'
p4dev show platform/p4ref
