# A driver that has only some of what p4dev uses: the table in docs/driver.md.
. /lib/steps.sh

# without PARTS: the driver binds again, without some of its parts.
without() {
	echo "$1" >$knobs/without
	echo 0 >/sys/kernel/debug/p4ref/present
	while [ -e /sys/bus/platform/devices/p4ref ]; do sleep 1; done
	echo 1 >/sys/kernel/debug/p4ref/present
}

# says WORDS COMMAND...: what it prints must have these words in it; lacks WORDS COMMAND...: must not.
says() {
	words=$1
	shift
	"$@" >/tmp/says 2>&1 || true
	grep -q "$words" /tmp/says || { cat /tmp/says; fail "$* does not say: $words"; }
}
lacks() {
	words=$1
	shift
	"$@" >/tmp/says 2>&1 || true
	! grep -q "$words" /tmp/says || { cat /tmp/says; fail "$* says: $words"; }
}

again="p4dev flash --allow-same-version --wait 2s $dev"
[ -z "$fallback" ] || p4dev fallback detach $dev
fallback=
without dpipe
lacks ipv4_lpm p4dev show $dev tables
says parse_ p4dev show $dev parser
without resources
says ipv4_lpm p4dev show $dev tables
lacks ipv4_lpm p4dev show $dev resources
without region
says ipv4_lpm p4dev show $dev tables
says "no region p4-pipeline" p4dev show $dev parser
without health
lacks program: p4dev show $dev health
without name
says 'fw.app.name is ""' $again
without source
says 'fw.app.source is ""' $again
without name,source,dpipe,resources,region,health
says 1.4.0 p4dev show $dev info
without reload
install l3router-1.5.0
says "a reset is needed" p4dev flash --wait 2s $dev
runs 1.4.0
stores 1.5.0
without ""
runs 1.5.0
probe "nothing to do"
