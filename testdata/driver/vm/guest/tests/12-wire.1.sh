# Records what passes between p4dev and this kernel, with each device alone; the client must make the same of the
# recording. testdata/wire holds such recordings.
cp /src/testdata/wire/keys.p4fw /lib/firmware/p4dev/keys.p4fw
rmmod p4ref netdevsim || true
modprobe p4ref ports=2
P4DEV_TEST_RECORD="/out p4ref" replay.test -test.run '^TestRecord$'
rmmod p4ref
modprobe netdevsim
echo "1 2" >/sys/bus/netdevsim/new_device
P4DEV_TEST_RECORD="/out netdevsim" replay.test -test.run '^TestRecord$'
modprobe p4ref ports=2
p4dev flash platform/p4ref keys.p4fw
