package bpfrun

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

const patience = 30 * time.Second

func TestLoadNeedsXDP(t *testing.T) {
	if _, err := Load(&ebpf.CollectionSpec{}, nil, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestVerifierErrorNamesThePlace(t *testing.T) {
	bpftest.Require(t, "root", "bpf")
	spec := returning(xdpPass, nil)
	spec.Programs[ProgramXDP].Instructions = asm.Instructions{
		asm.LoadMapPtr(asm.R3, 0).WithReference("table"), // two slots
		asm.LoadMem(asm.R2, asm.R1, 0, asm.Word),
		asm.LoadMem(asm.R0, asm.R2, 0, asm.Byte), // slot 3: reads the packet without a look at its end
		asm.Return(),
	}
	place := pipeline.Source{File: "x.p4", Line: 7, Column: 3}
	_, err := Load(spec, func(program string, slot int) pipeline.Source {
		if program != ProgramXDP || slot != 3 {
			t.Errorf("asked for %s, slot %d", program, slot)
		}
		return place
	}, nil)
	var refused *VerifierError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a VerifierError", err)
	}
	if refused.Slot != 3 || refused.Source != place || !strings.Contains(refused.Reason, "invalid access to packet") &&
		!strings.Contains(refused.Reason, "R2") {
		t.Errorf("got %+v", *refused)
	}
	short, long := fmt.Sprint(refused), fmt.Sprintf("%+v", refused)
	if strings.Contains(short, "\n") || !strings.HasPrefix(short, "x.p4:7:3: ") {
		t.Errorf("short form: %s", short)
	}
	if strings.Count(long, "\n") != len(refused.Log) || len(refused.Log) == 0 {
		t.Errorf("long form has %d lines, the log %d", strings.Count(long, "\n"), len(refused.Log))
	}
}

func TestPinAndOpen(t *testing.T) {
	bpftest.Require(t, "root", "bpf")
	dir := filepath.Join(bpftest.BPFFS(t), "p4dev", "x", "pipeline")
	tc := int32(tcxNext)
	dp := load(t, returning(xdpPass, &tc))
	if _, err := Open(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open nothing: got %v, want fs.ErrNotExist", err)
	}
	if err := dp.Pin(dir); err != nil {
		t.Fatal(err)
	}
	if err := dp.Pin(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("pin twice: got %v, want fs.ErrExist", err)
	}
	if err := dp.Maps["table"].Put(uint32(1), uint64(42)); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	var value uint64
	if err := again.Maps["table"].Lookup(uint32(1), &value); err != nil || value != 42 {
		t.Errorf("reopened map: %d, %v", value, err)
	}
	if len(again.Programs) != 2 || !slices.Equal(again.MapNames(), []string{"table"}) {
		t.Errorf("reopened: %v, %v", again.Programs, again.MapNames())
	}
	if err := RemovePins(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("pins stay: %v", err)
	}
}

func TestEnsureFS(t *testing.T) {
	bpftest.Require(t, "root", "bpf")
	if err := EnsureFS(bpftest.BPFFS(t)); err != nil {
		t.Error(err)
	}
	if err := EnsureFS(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent folder: got %v, want fs.ErrNotExist", err)
	}
}

func TestTestRun(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	ns := bpftest.NewNetNS(t)
	in, out := ns.Veth(t, "in"), ns.Tap(t, "out")
	dp := load(t, forwarding(out.Index, 9))
	frame := make([]byte, 64)
	want := bytes.Clone(frame)
	want[5] = 9
	result, err := dp.TestRun(t.Context(), TestRun{Frame: frame, Repeat: 3})
	if err != nil || result.Action != 4 || !bytes.Equal(result.Frame, want) {
		t.Errorf("got action %d, frame %x, %v", result.Action, result.Frame, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dp.TestRun(cancelled, TestRun{Frame: frame}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	ns.Do(t, func() {
		attached, err := Attach(dp, in.Index, ModeNative) // a device has a receive queue only with a program on it
		if err != nil {
			t.Fatal(err)
		}
		defer attached.Close()
		_, err = dp.TestRun(t.Context(), TestRun{Frame: frame, Ingress: in.Index, Repeat: 5, Live: true})
		if err != nil {
			t.Fatal(err)
		}
	})
	for i := range 5 {
		if got, err := out.Recv(patience); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("live frame %d: %x, %v", i, got, err)
		}
	}
}

func TestUpdateDeleteDump(t *testing.T) {
	bpftest.Require(t, "root", "bpf")
	for name, kind := range map[string]*ebpf.MapSpec{
		"hash":  {Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 10000},
		"trie":  {Type: ebpf.LPMTrie, KeySize: 8, ValueSize: 8, MaxEntries: 10000, Flags: 1},
		"array": {Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 10000},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := ebpf.NewMap(kind)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			const n = 10000
			var keys, values []byte
			for i := range n {
				if name != "array" {
					keys = binary.LittleEndian.AppendUint32(keys, 32)
				}
				keys = binary.LittleEndian.AppendUint32(keys, uint32(i))
				values = binary.LittleEndian.AppendUint64(values, uint64(i)*3)
			}
			if done, err := UpdateBatch(m, keys, values, n); err != nil || done != n {
				t.Fatalf("wrote %d: %v", done, err)
			}
			checkDump(t, m, n)
			if name == "array" {
				return
			}
			extra := append(bytes.Repeat([]byte{0xff}, 7), 1)
			if name == "trie" {
				copy(extra, []byte{32, 0, 0, 0})
			}
			if done, err := UpdateBatch(m, extra, make([]byte, 8), 1); !IsFull(err) || done != 0 {
				t.Errorf("one too many: %d, %v", done, err)
			}
			half := len(keys) / 2
			if err := DeleteBatch(m, keys[half:], n/2); err != nil {
				t.Fatal(err)
			}
			if err := DeleteBatch(m, keys[half:], n/2); err != nil {
				t.Errorf("remove what is gone: %v", err)
			}
			checkDump(t, m, n/2)
		})
	}
}

func checkDump(t *testing.T, m *ebpf.Map, n int) {
	t.Helper()
	seen := make(map[uint32]bool)
	err := Dump(m, func(key, value []byte) bool {
		k := binary.LittleEndian.Uint32(key[len(key)-4:])
		if v := binary.LittleEndian.Uint64(value); v != uint64(k)*3 {
			t.Fatalf("key %d has value %d", k, v)
		}
		seen[k] = true
		return true
	})
	if err != nil || len(seen) != n {
		t.Fatalf("dumped %d of %d: %v", len(seen), n, err)
	}
}

func TestFeatures(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	var prober Prober
	for _, answer := range prober.All(t.Context()) {
		switch {
		case errors.Is(answer.Err, errors.ErrUnsupported):
			t.Logf("%s", answer.Err)
			if answer.Feature.Required {
				t.Errorf("%s is required", answer.Feature.Name)
			}
		case answer.Err != nil:
			t.Errorf("%s: %v", answer.Feature.Name, answer.Err)
		}
	}
	if err := prober.CheckRequired(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestProberRemembersConclusiveAnswersOnly(t *testing.T) {
	for name, test := range map[string]struct {
		answer error
		calls  int
		is     error
	}{
		"yes":          {nil, 1, nil},
		"no":           {ebpf.ErrNotSupported, 1, errors.ErrUnsupported},
		"inconclusive": {fs.ErrPermission, 2, ErrInconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			if supported() != nil {
				t.Skip("Linux only")
			}
			calls := 0
			feature := Feature{Name: "thing", Kernel: "9.9", probe: func() error { calls++; return test.answer }}
			var prober Prober
			for range 2 {
				if err := prober.Have(t.Context(), feature); !errors.Is(err, test.is) || (err == nil) != (test.is == nil) {
					t.Errorf("got %v", err)
				}
			}
			if calls != test.calls {
				t.Errorf("asked %d times, want %d", calls, test.calls)
			}
			if err := prober.Have(t.Context(), feature); name == "no" && !strings.Contains(err.Error(), "Linux 9.9") {
				t.Errorf("the minimum kernel is missing: %v", err)
			}
		})
	}
}
