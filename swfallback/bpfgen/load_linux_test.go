package bpfgen

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
)

// requireBPF skips a test that cannot load programs here, or fails it where P4DEV_TEST_REQUIRE asks for bpf.
func requireBPF(t testing.TB) {
	t.Helper()
	err := rlimit.RemoveMemlock()
	if err == nil {
		var m *ebpf.Map
		m, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
		if err == nil {
			m.Close()
			return
		}
	}
	if slices.Contains(strings.Split(os.Getenv("P4DEV_TEST_REQUIRE"), ","), "bpf") {
		t.Fatalf("bpf is required: %v", err)
	}
	t.Skipf("loading eBPF programs: %v", err)
}

// load loads a compiled program into the kernel.
func load(t testing.TB, o *Object) *ebpf.Collection {
	t.Helper()
	requireBPF(t)
	c, err := ebpf.NewCollectionWithOptions(o.Spec, ebpf.CollectionOptions{
		Programs: ebpf.ProgramOptions{LogSizeStart: 1 << 24}})
	if err != nil {
		var ve *ebpf.VerifierError
		if errors.As(err, &ve) {
			log := ve.Log
			if len(log) > 60 {
				log = log[len(log)-60:]
			}
			t.Fatalf("load %s: %v\n%s", o.Program.Name, err, strings.Join(log, "\n"))
		}
		t.Fatalf("load %s: %v", o.Program.Name, err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestLoadAll(t *testing.T) {
	requireBPF(t)
	for _, name := range programs(t) {
		t.Run(name, func(t *testing.T) {
			o, err := Compile(openProgram(t, name), Options{})
			if err != nil {
				t.Skip(err)
			}
			c := load(t, o)
			for _, p := range c.Programs {
				info, err := p.Info()
				if err != nil {
					t.Fatal(err)
				}
				verified, _ := info.VerifiedInstructions()
				size, _ := info.TranslatedSize()
				t.Logf("%s: %d instructions translated, %d verified", info.Name, size/8, verified)
			}
		})
	}
}
