package offload_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
)

// makePackage builds a package of l3router for the driver "p4sim".
func makePackage(t *testing.T, version string, change func(*firmware.BuildOptions)) (*firmware.Package, []byte) {
	t.Helper()
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("../testdata/p4", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	o := firmware.BuildOptions{Name: "l3router", Version: version, Pipeline: read("l3router.json"),
		P4Info: read("l3router.p4info.txtpb"), Source: []firmware.SourceFile{{Name: "l3router.p4", Data: read("l3router.p4")}},
		Images:  []firmware.Image{{Name: "sim", Data: firmware.Bytes([]byte("image"))}},
		Devices: []firmware.DeviceRecord{{DeviceID: firmware.DeviceID{Driver: "p4sim"}, Images: []string{"sim"}}}}
	if change != nil {
		change(&o)
	}
	pkg, err := firmware.Build(o)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := pkg.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return pkg, b.Bytes()
}

// nic is a device with the faults that a test asks for.
type nic struct {
	files    fs.FS // what its loader sees, relative to the firmware folders
	running  firmware.Program
	stored   firmware.Program
	loaded   string // name that Flash was given
	reload   bool   // a stored program waits for Activate
	reset    bool   // Activate works only with a reset
	none     bool   // Activate is not there at all
	flashErr error
	gone     int  // queries that fail after activation; negative: all
	away     bool // the device does not answer
	source   string
	differ   []string
}

func versions(p firmware.Program) map[string]string {
	if p == (firmware.Program{}) {
		return nil
	}
	return map[string]string{offload.InfoName: p.Name, offload.InfoVersion: p.Version, offload.InfoSource: p.Source}
}

var errGone = errors.New("no such device")

func (n *nic) Info(context.Context) (offload.DeviceInfo, error) {
	if n.away {
		if n.gone != 0 {
			n.gone--
			return offload.DeviceInfo{}, errGone
		}
		n.away = false
	}
	return offload.DeviceInfo{Device: "pci/1", Driver: "p4sim", Running: versions(n.running), Stored: versions(n.stored)}, nil
}

func (n *nic) Flash(_ context.Context, file, component string, progress func(offload.FlashProgress)) error {
	n.loaded = file
	progress(offload.FlashProgress{Message: "Flashing", Done: 1, Total: 2})
	if n.flashErr != nil {
		n.away = n.gone < 0
		return n.flashErr
	}
	if n.running.Name != "" && component != offload.InfoVersion {
		return errors.New("component is missing")
	}
	data, err := fs.ReadFile(n.files, file)
	if err != nil {
		return err
	}
	pkg, err := firmware.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	n.stored = firmware.Program{Name: pkg.Manifest.Name, Version: pkg.Manifest.Version, Source: pkg.Manifest.Source}
	if n.source != "" {
		n.stored.Source = n.source
	}
	if !n.reload {
		n.running = n.stored
	}
	return nil
}

func (n *nic) Activate(_ context.Context, noReset bool) error {
	if n.none || noReset && n.reset {
		return errors.ErrUnsupported
	}
	n.running = n.stored
	n.away = n.gone != 0
	return nil
}

func (n *nic) Differences(context.Context, *pipeline.Program) ([]string, error) { return n.differ, nil }

// loadBench is a load over a device that ran version 0.9, with software and hardware entries.
type loadBench struct {
	t       *testing.T
	program *testProgram
	nic     *nic
	hw      *hardware
	sw      *software
	old     *offload.Manager
	request offload.LoadRequest
	steps   []offload.Step
	want    firmware.Program
	closed  bool // the gate was shut when the flash began
}

func newLoadBench(t *testing.T) *loadBench {
	t.Helper()
	pkg, data := makePackage(t, "1.0", nil)
	want := firmware.Program{Name: "l3router", Version: "1.0", Source: pkg.Manifest.Source}
	before := firmware.Program{Name: "l3router", Version: "0.9", Source: "sha256:" + strings.Repeat("ab", 32)}
	p := newTestProgram()
	b := &loadBench{t: t, program: p, hw: newHardware(1), sw: &software{side: newSide()}, want: want,
		nic: &nic{files: fstest.MapFS{"p4dev/p4sim.p4fw": {Data: data}}, running: before, stored: before}}
	gate := offload.CheckGate(offload.DeviceInfo{Device: "pci/1", Running: versions(before)}, before.Source, nil)
	b.old = newManager(t, b.sw, b.hw, p, gate)
	if err := b.old.Insert(exactEntry(p, 1, 1)); err != nil {
		t.Fatal(err)
	}
	b.request = offload.LoadRequest{Device: b.nic, Identity: firmware.DeviceIdentity{DeviceID: firmware.DeviceID{Driver: "p4sim"}},
		Search: firmware.Search{FS: fstest.MapFS{"lib/firmware/p4dev/p4sim.p4fw": {Data: data}}, Paths: []string{"lib/firmware"}},
		Policy: firmware.Policy{Trust: firmware.TrustOff}, History: &firmware.History{Path: filepath.Join(t.TempDir(), "h.jsonl")},
		Manager: b.old, Wait: 200 * time.Millisecond, Observe: b.observe,
		Switch: func(context.Context, *firmware.Package) (*offload.Manager, error) {
			return newManager(t, b.sw, b.hw, p, offload.Gate{}), nil
		}}
	return b
}

func (b *loadBench) observe(e offload.Event) {
	if s, ok := e.(offload.LoadStep); ok && (len(b.steps) == 0 || b.steps[len(b.steps)-1] != s.Step) {
		b.steps = append(b.steps, s.Step)
		if s.Step == offload.StepFlash {
			b.closed = !b.old.Gate().Open() && len(b.hw.entries[b.program.exact]) == 0
		}
	}
}

func (b *loadBench) results() []firmware.LoadResult {
	b.t.Helper()
	records, torn, err := b.request.History.Read()
	if err != nil || len(torn) > 0 {
		b.t.Fatal(err, torn)
	}
	var list []firmware.LoadResult
	for _, r := range records {
		list = append(list, r.Result)
	}
	return list
}

func TestLoad(t *testing.T) {
	b := newLoadBench(t)
	b.nic.reload = true
	b.nic.gone = 2 // the device is away for a moment
	report, err := offload.Load(context.Background(), b.request)
	if err != nil {
		t.Fatal(err)
	}
	if b.nic.running != b.want || report.Package != b.want || b.nic.loaded != "p4dev/p4sim.p4fw" {
		t.Errorf("running %+v, loaded %q, report %+v", b.nic.running, b.nic.loaded, report)
	}
	if !b.closed {
		t.Error("hardware still answered packets when the flash began")
	}
	if !report.Gate.Open() || report.Manager == b.old || len(b.hw.entries[b.program.exact]) != 1 {
		t.Errorf("gate %+v, entries in hardware %d", report.Gate, len(b.hw.entries[b.program.exact]))
	}
	if got := b.results(); len(got) != 1 || got[0] != firmware.Loaded {
		t.Errorf("history %v", got)
	}
	want := []offload.Step{offload.StepFind, offload.StepCheck, offload.StepHandOver, offload.StepFlash,
		offload.StepActivate, offload.StepVerify, offload.StepReconcile, offload.StepRecord}
	if len(b.steps) != len(want) {
		t.Errorf("steps %v, want %v", b.steps, want)
	}
	b.request.Manager = report.Manager
	_, err = offload.Load(context.Background(), b.request)
	if !errors.Is(err, offload.ErrNothingToDo) || !report.Manager.Gate().Open() {
		t.Errorf("second load: %v, gate %v", err, report.Manager.Gate())
	}
}

// loadFailure is one way in which a load fails, and what must come of it.
type loadFailure struct {
	name    string
	change  func(*loadBench)
	want    error
	step    offload.Step
	texts   []string // parts of the message
	open    bool     // the gate afterwards
	results []firmware.LoadResult
}

func loadFailures() []loadFailure {
	wire := errors.New("connection lost")
	return []loadFailure{
		{"flash is refused", func(b *loadBench) { b.nic.flashErr = errGone }, errGone, offload.StepFlash,
			[]string{"runs what it did", "has its entries back"}, true, []firmware.LoadResult{firmware.LoadFailed}},
		{"device vanishes in the flash", func(b *loadBench) { b.nic.flashErr, b.nic.gone = wire, -1 }, wire, offload.StepFlash,
			[]string{"does not answer", "software carries", "reset the device"}, false, []firmware.LoadResult{firmware.LoadFailed}},
		{"needs a reset that is not allowed", func(b *loadBench) { b.nic.reload, b.nic.reset = true, true }, offload.ErrNeedsReset,
			offload.StepActivate, []string{"l3router 1.0 is stored", "--allow-reset", "entries back"}, true,
			[]firmware.LoadResult{firmware.LoadPending}},
		{"driver cannot activate", func(b *loadBench) { b.nic.reload, b.nic.none, b.request.AllowReset = true, true, true },
			offload.ErrNeedsReset, offload.StepActivate, []string{"driver cannot"}, true, []firmware.LoadResult{firmware.LoadPending}},
		{"another source tag afterwards", func(b *loadBench) { b.nic.source = "sha256:" + strings.Repeat("cd", 32) },
			offload.ErrNotVerified, offload.StepVerify, []string{"fw.app.source is", "before it was", "gate is shut"}, false,
			[]firmware.LoadResult{firmware.LoadFailed}},
		{"never comes back", func(b *loadBench) { b.nic.reload, b.nic.gone = true, -1 }, offload.ErrNotVerified,
			offload.StepVerify, []string{"does not answer"}, false, []firmware.LoadResult{firmware.LoadFailed}},
		{"advertisement differs", func(b *loadBench) { b.nic.differ = []string{"table nowhere"} }, offload.ErrNotVerified,
			offload.StepVerify, []string{"table nowhere", "software carries all"}, false, []firmware.LoadResult{firmware.LoadFailed}},
		{"agent does not answer", func(b *loadBench) { b.hw.fail = 0 }, offload.ErrHardware, offload.StepHandOver,
			[]string{"nothing was written"}, false, []firmware.LoadResult{firmware.LoadFailed}},
		{"software does not follow", func(b *loadBench) {
			b.request.Switch = func(context.Context, *firmware.Package) (*offload.Manager, error) { return nil, wire }
		}, wire, offload.StepReconcile, []string{"device runs l3router 1.0", "gate is shut"}, false,
			[]firmware.LoadResult{firmware.Loaded}},
		{"unsigned", func(b *loadBench) { b.request.Policy.Trust = firmware.TrustRequire }, nil, offload.StepCheck,
			[]string{"not signed", "nothing was changed"}, true, []firmware.LoadResult{firmware.LoadRefused}},
		{"older", func(b *loadBench) { b.nic.running.Version = "2.0" }, nil, offload.StepCheck,
			[]string{"--allow-downgrade"}, true, []firmware.LoadResult{firmware.LoadRefused}},
		{"device is not there", func(b *loadBench) { b.nic.away, b.nic.gone = true, -1 }, errGone, offload.StepCheck,
			[]string{"nothing was changed"}, true, []firmware.LoadResult{firmware.LoadFailed}},
	}
}

// TestLoadFailures: after every failure the message says what happened, and the gate is open only if the device
// still runs what it did.
func TestLoadFailures(t *testing.T) {
	for _, tt := range loadFailures() {
		t.Run(tt.name, func(t *testing.T) {
			b := newLoadBench(t)
			tt.change(b)
			report, err := offload.Load(context.Background(), b.request)
			var failed *offload.LoadError
			if !errors.As(err, &failed) || failed.Step != tt.step || tt.want != nil && !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v in step %s", err, tt.want, tt.step)
			}
			for _, text := range tt.texts {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("message does not say %q: %v", text, err)
				}
			}
			if report.Gate.Open() != tt.open || b.old.Gate().Open() != tt.open {
				t.Errorf("gate %v, of the report %v; want open %v", b.old.Gate(), report.Gate, tt.open)
			}
			if tt.name != "agent does not answer" && len(b.hw.entries[b.program.exact]) > 0 != tt.open {
				t.Errorf("entries in hardware with the gate open %v: %d", tt.open, len(b.hw.entries[b.program.exact]))
			}
			if got := b.results(); len(got) != 1 || got[0] != tt.results[0] {
				t.Errorf("history %v, want %v", got, tt.results)
			}
		})
	}
}

func TestLoadWithReset(t *testing.T) {
	b := newLoadBench(t)
	b.nic.reload, b.nic.reset, b.request.AllowReset = true, true, true
	if _, err := offload.Load(context.Background(), b.request); err != nil {
		t.Fatal(err)
	}
	_, data := makePackage(t, "2.0", func(o *firmware.BuildOptions) { o.Expect.NeedsReset = true })
	path := filepath.Join(t.TempDir(), "router.p4fw")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	b.request.File, b.request.AllowReset = path, false
	if _, err := offload.Load(context.Background(), b.request); !errors.Is(err, offload.ErrNeedsReset) {
		t.Errorf("a package that needs a reset: %v, want ErrNeedsReset", err)
	}
}

// TestLoadKeepsPinnedEntries: what lives in hardware only survives a load, and a load that failed.
func TestLoadKeepsPinnedEntries(t *testing.T) {
	for _, fails := range []bool{false, true} {
		b := newLoadBench(t)
		if fails {
			b.nic.flashErr = errGone
		}
		pin := exactEntry(b.program, 5, 1)
		pin.SkipSW = true
		if err := b.old.Insert(pin); err != nil {
			t.Fatal(err)
		}
		if _, err := offload.Load(context.Background(), b.request); (err != nil) != fails {
			t.Fatalf("load: %v", err)
		}
		if n := len(b.hw.entries[b.program.exact]); n != 2 || len(b.sw.entries[b.program.exact]) != 1 {
			t.Errorf("load that fails %v: %d entries in hardware, want 2", fails, n)
		}
	}
}

func TestLoadDryRun(t *testing.T) {
	b := newLoadBench(t)
	b.request.DryRun = true
	report, err := offload.Load(context.Background(), b.request)
	if err != nil {
		t.Fatal(err)
	}
	if b.nic.loaded != "" || !b.old.Gate().Open() || len(report.Steps) < 4 || report.Component != offload.InfoVersion {
		t.Errorf("loaded %q, report %+v", b.nic.loaded, report)
	}
	if got := b.results(); len(got) != 0 {
		t.Errorf("history %v", got)
	}
}

// TestLoadStagesForeignFiles: a package outside of the firmware folders is copied there for the time of the flash.
func TestLoadStagesForeignFiles(t *testing.T) {
	b := newLoadBench(t)
	_, data := makePackage(t, "1.0", nil)
	path := filepath.Join(t.TempDir(), "mine.p4fw")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	b.request.File = path
	if _, err := offload.Load(context.Background(), b.request); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a stager: %v, want ErrNotExist", err)
	}
	root := t.TempDir()
	b.nic.files = os.DirFS(root)
	b.request.Stager = offload.FolderStager{Root: root}
	report, err := offload.Load(context.Background(), b.request)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(report.FlashName, "p4dev/.l3router-") {
		t.Errorf("flashed %q", report.FlashName)
	}
	left, err := os.ReadDir(filepath.Join(root, "p4dev"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestLoadByNameAndMissing(t *testing.T) {
	b := newLoadBench(t)
	b.request.File = "p4sim"
	if report, err := offload.Load(context.Background(), b.request); err != nil || report.File != "/lib/firmware/p4dev/p4sim.p4fw" {
		t.Errorf("by name: %v, file %q", err, report.File)
	}
	b.request.File = "nothing"
	if _, err := offload.Load(context.Background(), b.request); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name that is not there: %v, want ErrNotExist", err)
	}
	b.request.File, b.request.Device = "", nil
	if _, err := offload.Load(context.Background(), b.request); err == nil {
		t.Error("load without a device")
	}
}
