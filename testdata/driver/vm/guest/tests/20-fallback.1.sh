# The software path on veth: packets in, packets out, native and generic XDP.
modprobe veth
modprobe tun
mkdir -p /src/swfallback
cd /src/swfallback
swfallback.test -test.run '^TestRouterOnWires$'
