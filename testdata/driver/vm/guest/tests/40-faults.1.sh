# A device that misbehaves: it keeps what it ran, says why, and the fallback goes on forwarding.
. /lib/steps.sh
install l3router-1.2.0
echo flash >$knobs/refuse
probe_fails "flash updates are refused"
echo activate >$knobs/refuse
probe_fails "activation is refused"
runs 1.0.0
stores 1.2.0
echo >$knobs/refuse
forwards
echo 40 >$knobs/fail_at
probe_fails "a flash cell cannot be written"
echo 0 >$knobs/fail_at
runs 1.0.0
echo "sha256:$(echo other | sha256sum | cut -d' ' -f1)" >$knobs/source
probe_fails "fw.app.source is"
echo >$knobs/source
forwards
