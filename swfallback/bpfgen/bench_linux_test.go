package bpfgen

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// yardsticks is where the hand-written programs are; benchmarks against them are skipped without it.
const yardsticks = "../../../shared/bench"

// yardstick compiles and loads a hand-written program.
func yardstick(b *testing.B, name string) *ebpf.Collection {
	b.Helper()
	src := filepath.Join(yardsticks, name+".bpf.c")
	if _, err := os.Stat(src); err != nil {
		b.Skip(err)
	}
	obj := filepath.Join(b.TempDir(), name+".o")
	args := []string{"-O2", "-g", "-target", "bpf", "-mcpu=v3", "-I/usr/include/x86_64-linux-gnu", "-c", src, "-o", obj}
	if out, err := exec.Command("clang", args...).CombinedOutput(); err != nil {
		b.Skipf("clang: %v\n%s", err, out)
	}
	c, err := ebpf.LoadCollection(obj)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}

// measure reports the time that a program takes per packet. Every packet of a run is the one that the run before
// left; after some of them a new one begins.
func measure(b *testing.B, p *ebpf.Program, frame []byte, action uint32) {
	b.Helper()
	const batch = 200 // a ttl of 255 lasts so long
	var times []time.Duration
	for b.Loop() {
		got, d, err := p.Benchmark(frame, batch, nil)
		if err != nil || got != action {
			b.Fatalf("action %d, want %d: %v", got, action, err)
		}
		times = append(times, d)
	}
	slices.Sort(times)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(times[0].Nanoseconds()), "ns/packet-best")
	b.ReportMetric(float64(times[len(times)/2].Nanoseconds()), "ns/packet-median")
}

// routerFrame is an IPv4 packet with a ttl of 255 and a right checksum.
func routerFrame() []byte {
	f, _ := hex.DecodeString("0200000000010200000000aa0800" + "4500002e00014000ff1100000a0000010a010101" + "045708ae001a0000")
	f = append(f, make([]byte, 60-len(f))...)
	sum := uint32(0)
	for i := 14; i < 34; i += 2 {
		sum += uint32(f[i])<<8 | uint32(f[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	f[24], f[25] = byte(^sum>>8), byte(^sum)
	return f
}

func BenchmarkRouter(b *testing.B) {
	requireBPF(b)
	frame := routerFrame()
	b.Run("c", func(b *testing.B) {
		c := yardstick(b, "router")
		mac := []byte{2, 0, 0, 0, 0, 1}
		must(b, c.Maps["my_station"].Put(append([]byte{1, 0, 0, 0}, append(mac, 0, 0)...), uint32(1)))
		must(b, c.Maps["ipv4_lpm"].Put([]byte{16, 0, 0, 0, 10, 1, 0, 0}, []byte{1, 0, 0, 0, 1, 0, 0, 0}))
		must(b, c.Maps["nexthop"].Put(uint32(1), append([]byte{1, 0, 0, 0}, append(mac, mac...)...)))
		must(b, c.Maps["ports"].Put(uint32(1), uint32(1)))
		measure(b, c.Programs["router"], frame, 4)
	})
	b.Run("p4", func(b *testing.B) {
		p := openProgram(b, "l3router")
		o, err := Compile(p, Options{})
		must(b, err)
		e := &kernelEngine{o: o, c: load(b, o), rules: make(map[*pipeline.Table][]*pipeline.Entry), next: make(map[*pipeline.Table]uint32)}
		test, err := stf.Read("bench", []byte("add my_station std_meta.ingress_port:1 hdr.ethernet.dst_addr:0x020000000001 route()\n"+
			"add ipv4_lpm hdr.ipv4.dst_addr:0x0a01**** set_nexthop(nexthop_id:1)\n"+
			"add nexthop meta.nexthop_id:1 forward(port:1, smac:0x020000000001, dmac:0x020000000001)\n"))
		must(b, err)
		_, err = stf.Run(b.Context(), test, e.engine())
		must(b, err)
		must(b, putPortOf(o, e.c, 1, 1))
		must(b, e.c.Maps[o.PortsMap].Put(uint32(1), uint32(1)))
		measure(b, e.c.Programs[ProgramXDP], frame, 4)
	})
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
