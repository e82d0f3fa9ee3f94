package main

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/p4dev/p4dev/offload/simnic"
)

// TestMonitor: the NIC of "p4dev sim" in this process; the monitor sees a flash from its first step to its last.
func TestMonitor(t *testing.T) {
	needSandbox(t)
	p := newPlace(t, "l3router")
	p.goRun("sim").await("--endpoint")
	p.flags = append(p.flags, "--endpoint", "unix:run/sim.sock")
	text, lines := p.start("monitor"), p.goRun("-j", "monitor")
	awaitMonitors(p, text, lines)
	p.pack("l3router.p4fw", "1.0.0")
	p.look("flash", dev, "l3router.p4fw")
	text.await("Flashing done")
	lines.await("Flashing done")
	r := text.end(true)
	p.says(r, "FLASH_UPDATE_STATUS", "Flashing 50%", "Flashing 100%", "Activating", "Flashing done", "region p4-pipeline")
	if r.code != exitDone || r.err != "" {
		t.Errorf("interrupted: %s", r.transcript())
	}
	r = lines.end(true)
	if r.code != exitDone || r.err != "" {
		t.Errorf("interrupted: %s", r.transcript())
	}
	for scan := bufio.NewScanner(strings.NewReader(r.out)); scan.Scan(); {
		var v struct{ Command string }
		if err := json.Unmarshal(scan.Bytes(), &v); err != nil || v.Command == "" {
			t.Errorf("a notification in JSON: %v: %s", err, scan.Bytes())
		}
	}
}

// awaitMonitors waits until monitors see what the device does: they say nothing when they are ready.
func awaitMonitors(p *place, monitors ...*running) {
	p.t.Helper()
	p.write("other.json", []byte(`{}`))
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		p.run("flash", dev, "other.json") // is refused before it is sent
		p.pack("warm.p4fw", "0.1.0")
		p.run("flash", "--allow-same-version", "--allow-downgrade", dev, "warm.p4fw")
		ready := 0
		for _, m := range monitors {
			if m.out.String() != "" {
				ready++
			}
		}
		if ready == len(monitors) {
			return
		}
	}
	p.t.Fatal("monitors see nothing")
}

// list names the files below folders, with sockets and all.
func list(t *testing.T, folders ...string) (names []string) {
	t.Helper()
	for _, f := range folders {
		err := filepath.WalkDir(f, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				names = append(names, path)
			}
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	return names
}

// TestInterruptedSim: SIGINT ends a NIC with exit status 0 and takes its devices and sockets away.
func TestInterruptedSim(t *testing.T) {
	l, sim := simLab(t, `{}`)
	l.look("list")
	if r := sim.end(true); r.code != exitDone || r.err != "" {
		t.Errorf("the end: %s", r.transcript())
	}
	if left := append(list(t, "run"), leftDevices()...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	l.do(exitMissing, "list")
	again := l.start("sim")
	again.await("--endpoint")
	again.kill() // leaves a socket that nobody listens at
	if left := leftDevices(); len(left) > 0 {
		t.Errorf("left behind by a NIC that was killed: %v", left)
	}
	l.start("sim").await("--endpoint")
	l.look("list")
}

// TestInterruptedFlash: SIGINT in the middle of a flash. The device finishes or keeps what it had, the fallback
// carries the packets, no file of the package stays in the firmware folder, and the next flash works. So it does
// after a flash whose process was killed.
func TestInterruptedFlash(t *testing.T) {
	l := faultLab(t, simnic.Limits{Flash: simnic.FlashLimits{Milliseconds: 600}})
	l.look("flash", dev, "first.p4fw")
	l.attach("first.p4fw")
	f := l.send(twoRoutes...)
	flash := l.start("flash", dev, "second.p4fw")
	flash.await("Flashing")
	time.Sleep(50 * time.Millisecond)
	r := flash.end(true)
	if r.code == exitDone || r.err == "" {
		t.Errorf("interrupted: %s", r.transcript())
	}
	l.says(r, "state:", "next:")
	if left := list(t, folder); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	l.forwardable(f)
	l.quiet("flash", "--allow-same-version", dev, "second.p4fw")
	flash = l.start("flash", "--allow-downgrade", dev, "first.p4fw")
	flash.await("Flashing")
	flash.kill()
	l.forwardable(f)
	l.quiet("flash", "--allow-same-version", "--allow-downgrade", dev, "first.p4fw")
	f.stop()
	l.runs("1.0.0")
	l.hardware()
}

// forwardable checks that packets arrive now.
func (l *lab) forwardable(f *traffic) {
	l.t.Helper()
	f.mu.Lock()
	sent := f.sent
	f.mu.Unlock()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		f.mu.Lock()
		_, missing := f.missing[sent+10]
		arrived := f.sent > sent+10 && !missing
		f.mu.Unlock()
		if arrived {
			return
		}
	}
	l.t.Error("packets do not arrive")
}

// demoResult is what "p4dev -j demo" prints.
type demoResult struct {
	Sent, HW, SW, Lost, Wrong *int
	Gate                      string
	Phases                    []struct{ Sent, HW, SW int }
}

// TestDemo runs the demonstration as users do.
func TestDemo(t *testing.T) {
	needSandbox(t)
	p := newPlace(t)
	r := p.start("-j", "demo").end(false)
	if r.code != exitDone {
		t.Fatal(r.transcript())
	}
	var v demoResult
	if err := json.Unmarshal([]byte(r.out), &v); err != nil {
		t.Fatalf("%v:\n%s", err, r.out)
	}
	for name, n := range map[string]*int{"sent": v.Sent, "hw": v.HW, "sw": v.SW, "lost": v.Lost, "wrong": v.Wrong} {
		if n == nil {
			t.Fatalf("%q is missing:\n%s", name, r.out)
		}
	}
	if *v.Sent == 0 || *v.HW == 0 || *v.SW == 0 || *v.Lost != 0 || *v.Wrong != 0 || v.Gate != "mismatch" || len(v.Phases) != 3 {
		t.Fatalf("sent %d, hw %d, sw %d, lost %d, wrong %d, gate %s", *v.Sent, *v.HW, *v.SW, *v.Lost, *v.Wrong, v.Gate)
	}
	// In the middle, entries leave the device under traffic, and with them the counts since they were last read.
	for _, i := range []int{0, 2} {
		if ph := v.Phases[i]; ph.HW+ph.SW != ph.Sent || (ph.HW > 0) != (i == 0) {
			t.Errorf("phase %d: sent %d, hw %d, sw %d", i, ph.Sent, ph.HW, ph.SW)
		}
	}
	if counted := *v.HW + *v.SW; counted > *v.Sent || counted < *v.Sent*98/100 {
		t.Errorf("%d of %d packets were counted", counted, *v.Sent)
	}
	p.nothingLeft()
}

// nothingLeft checks that demonstrations took everything with them.
func (p *place) nothingLeft() {
	p.t.Helper()
	left := append(leftDevices(), list(p.t, "/sys/fs/bpf/p4dev")...)
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), "p4dev-*"))
	p.must(err)
	for _, d := range append(left, dirs...) {
		p.t.Errorf("left behind: %s", d)
	}
}

// TestInterruptedDemo: SIGINT at different moments.
func TestInterruptedDemo(t *testing.T) {
	needSandbox(t)
	for _, moment := range []string{"packed", "a load is in progress"} {
		t.Run(moment, func(t *testing.T) {
			p := newPlace(t)
			d := p.start("demo")
			d.await(moment)
			if r := d.end(true); r.code != exitFailed || r.err == "" {
				t.Errorf("interrupted: %s", r.transcript())
			}
			p.nothingLeft()
		})
	}
}
