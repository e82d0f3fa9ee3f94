# After a reboot the device runs what it had stored. A newer package is taken at the next probe, an older one is not,
# and a device that vanishes while it is flashed comes back with what it had.
. /lib/steps.sh
modprobe p4ref mtd=p4ref-flash ports=2
runs 1.2.0
stores 1.2.0
install l3router-1.0.0
probe "nothing to do"
runs 1.2.0
install l3router-1.2.0
probe "nothing to do"
attached
install l3router-1.3.0
echo 60 >$knobs/vanish_at
probe_fails "the device does not answer any more"
for i in 1 2 3 4 5; do [ -e /sys/bus/platform/devices/p4ref ] || break; sleep 1; done
! p4dev show $dev info || fail "the device is still there"
echo 0 >$knobs/vanish_at
echo 1 >/sys/kernel/debug/p4ref/present
runs 1.2.0
probe "loaded.*1.3.0"
runs 1.3.0
echo 3000 >$knobs/stall_ms
install l3router-1.4.0
probe "loaded.*1.4.0"
runs 1.4.0
