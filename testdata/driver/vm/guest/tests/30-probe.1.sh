# The probe path of a device that runs nothing: the package in /lib/firmware is found, loaded, verified, and the
# fallback attached forwards packets.
. /lib/steps.sh
rmmod p4ref
rm -f /lib/firmware/p4dev/*
modprobe p4ref mtd=p4ref-flash ports=3
probe "no package for the device"
runs ""
install l3router-1.0.0
probe "loaded.*1.0.0"
runs 1.0.0
stores 1.0.0
attached
probe "nothing to do"
