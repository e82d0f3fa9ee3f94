# The software path on veth: packets in, packets out, native and generic XDP; specialised, and with remembered routes.
modprobe veth
modprobe tun
mkdir -p /src/swfallback
cd /src/swfallback
swfallback.test -test.v -test.run '^(TestRouterOnWires|TestSpecialisedIsOutdated|TestLines)$'
