package firmware_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware"
)

func TestHistory(t *testing.T) {
	h := firmware.History{Path: filepath.Join(t.TempDir(), "new", "history.jsonl")}
	if records, torn, err := h.Read(); records != nil || torn != nil || err != nil {
		t.Errorf("no file: %v, %v, %v", records, torn, err)
	}
	want := []firmware.LoadRecord{
		{Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Device: "pci/0000:01:00.0", Name: "l3router", Version: "1.2.0", Source: "sha256:00",
			SHA256: "aa", LowestVersion: "1.0", FromName: "l2switch", FromVersion: "1", Signer: "SHA256:x", Result: firmware.Loaded,
			Duration: 1500 * time.Millisecond, Message: "line\nbreak"},
		{Time: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), Device: "d", Name: "n", Version: "1", Result: firmware.LoadFailed},
	}
	for _, r := range want {
		if err := h.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	got, torn, err := h.Read()
	if err != nil || torn != nil {
		t.Errorf("torn %v, %v", torn, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := h.Append(firmware.LoadRecord{Message: strings.Repeat("x", 70000)}); !errors.Is(err, firmware.ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
}

// TestHistoryTorn has a write that was cut off at every place in the last line, and another one after it.
func TestHistoryTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	h := firmware.History{Path: path}
	for i := range 2 {
		if err := h.Append(firmware.LoadRecord{Name: fmt.Sprint("r", i), Result: firmware.Loaded}); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.IndexByte(string(whole), '\n') + 1
	for cut := first + 1; cut < len(whole); cut += 7 {
		if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		records, torn, err := h.Read()
		if err != nil || len(records) != 1 || len(torn) != 1 || torn[0].Line != 2 || !errors.Is(torn[0].Err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %d records, torn %v, %v", cut, len(records), torn, err)
		}
		if err := h.Append(firmware.LoadRecord{Name: "after"}); err != nil {
			t.Fatal(err)
		}
		records, torn, err = h.Read()
		if err != nil || len(records) < 2 || records[len(records)-1].Name != "after" || len(torn) > 1 {
			t.Fatalf("cut at %d and appended: %d records, torn %v, %v", cut, len(records), torn, err)
		}
	}
}

func TestHistoryDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	long := strings.Repeat("y", 200000)
	text := `{"name":"a"}` + "\nnot JSON\n\n" + long + "\n" + `{"name":"b"}` + "\n" + long
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	records, torn, err := firmware.History{Path: path}.Read()
	if err != nil || len(records) != 2 || records[1].Name != "b" {
		t.Errorf("records %v, %v", records, err)
	}
	var lines []int
	for _, l := range torn {
		lines = append(lines, l.Line)
	}
	if diff := cmp.Diff([]int{2, 4, 6}, lines); diff != "" {
		t.Errorf("torn lines (-want +got):\n%s", diff)
	}
}

func TestHistoryConcurrent(t *testing.T) {
	h := firmware.History{Path: filepath.Join(t.TempDir(), "history.jsonl")}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				if err := h.Append(firmware.LoadRecord{Name: strings.Repeat(fmt.Sprint(i), 3000)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	records, torn, err := h.Read()
	if err != nil || len(records) != 80 || len(torn) != 0 {
		t.Errorf("%d records, %d torn, %v", len(records), len(torn), err)
	}
}

func TestBar(t *testing.T) {
	records := []firmware.LoadRecord{
		{Device: "d", Name: "n", Result: firmware.Loaded, LowestVersion: "1.9"},
		{Device: "d", Name: "n", Result: firmware.LoadPending, LowestVersion: "1.10"},
		{Device: "d", Name: "n", Result: firmware.Loaded, LowestVersion: "1.2"},
		{Device: "d", Name: "n", Result: firmware.Loaded},
		{Device: "d", Name: "n", Result: firmware.LoadFailed, LowestVersion: "3"},
		{Device: "d", Name: "other", Result: firmware.Loaded, LowestVersion: "4"},
		{Device: "other", Name: "n", Result: firmware.Loaded, LowestVersion: "5"},
	}
	if got := firmware.Bar(records, "d", "n"); got != "1.10" {
		t.Errorf("bar %q, want 1.10", got)
	}
	if got := firmware.Bar(records, "d", "none"); got != "" {
		t.Errorf("bar %q, want none", got)
	}
}
