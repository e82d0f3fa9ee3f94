package offload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/p4dev/p4dev/firmware"
)

// vendorFile is a firmware file that was found.
type vendorFile struct {
	contents  *io.SectionReader
	closer    io.Closer
	path      string // for people
	name      string // relative to the firmware folders; "": it lies elsewhere
	signature []byte
}

func (f *vendorFile) reader() io.Reader {
	return io.NewSectionReader(f.contents, 0, f.contents.Size())
}

// find opens the file.
func (u *updater) find() error {
	if u.File == "" {
		return nil
	}
	u.step(StepFind, "%s", u.File)
	var err error
	if isPath(u.File) {
		u.file, err = openVendorFile(u.Search, u.File)
	} else {
		u.file, err = lookupVendorFile(u.Search, u.File)
	}
	if err == nil {
		u.report.File, u.report.FlashName = u.file.path, u.file.name
	}
	return err
}

func openVendorFile(s firmware.Search, file string) (*vendorFile, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", file)
	}
	var sig []byte
	if err == nil {
		sig, err = firmware.ReadSignature(file)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &vendorFile{contents: io.NewSectionReader(f, 0, info.Size()), closer: f, path: file,
		name: nameIn(s, file), signature: sig}, nil
}

func lookupVendorFile(s firmware.Search, name string) (*vendorFile, error) {
	f, err := s.Lookup(name)
	if err != nil {
		return nil, err
	}
	sig, err := f.Signature()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &vendorFile{contents: io.NewSectionReader(f, 0, f.Size()), closer: f, path: "/" + f.Path, name: f.Name, signature: sig}, nil
}

// IsVendorFirmware reports whether a file, a path or a name below the firmware folders, is firmware of a vendor and not
// a P4 package: it is there under this very name, which does not end in .p4fw, and holds no package.
func IsVendorFirmware(s firmware.Search, file string) bool {
	if file == "" || path.Ext(file) == firmware.Extension {
		return false
	}
	if isPath(file) {
		pkg, err := firmware.OpenFile(file)
		if err == nil {
			pkg.Close()
		}
		return err != nil && !errors.Is(err, fs.ErrNotExist)
	}
	f, err := s.Lookup(file)
	if err != nil {
		return false
	}
	_, err = f.Package()
	f.Close()
	return err != nil
}

func (u *updater) close() {
	if u.file == nil {
		return
	}
	if err := u.file.closer.Close(); err != nil {
		u.Observe(Trouble{"close firmware", err})
	}
}

// write flashes the file, or puts it where the driver looks for it.
func (u *updater) write(ctx context.Context) error {
	u.tried = true
	if u.Disk != "" {
		u.step(StepCopy, "%s into the firmware folder as %s", u.file.path, u.Disk)
		if err := u.Stager.install(u.Disk, u.file.reader()); err != nil {
			return fmt.Errorf("write %s: %w", u.Disk, err)
		}
		u.report.Written = true
		return nil
	}
	name, remove, err := u.stage(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err := remove(); err != nil {
			u.Observe(Trouble{"remove " + name, err})
		}
	}()
	order := u.Order
	order.File, u.report.FlashName = name, name
	u.step(StepFlash, "%s into %s%s", name, u.report.Device, component(order.Component))
	err = u.Device.Write(ctx, order, func(p FlashProgress) { u.Observe(p.step()) })
	u.report.Written = err == nil
	return err
}

func (u *updater) stage(ctx context.Context) (name string, remove func() error, err error) {
	if u.file.name != "" {
		return u.file.name, func() error { return nil }, nil
	}
	u.step(StepCopy, "copy %s into the firmware folder", u.file.path)
	base := strings.TrimSuffix(filepath.Base(u.file.path), filepath.Ext(u.file.path))
	return u.Stager.stage(ctx, base, func(w io.Writer) (int64, error) { return io.Copy(w, u.file.reader()) })
}

// settle finds out what the device has now, and makes it run what is stored.
func (u *updater) settle(ctx context.Context) error {
	now, err := u.Device.Info(ctx)
	if err != nil {
		return fmt.Errorf("ask what is stored: %w", err)
	}
	u.finish(now)
	if u.Disk == "" && len(now.Stored) > 0 {
		if other := u.compare(now); len(other) > 0 {
			return fmt.Errorf("%w: %s is %q, not %q", ErrNotUpdated, other[0], stored(now, other[0]), u.Want[other[0]])
		}
	}
	if len(u.outdated(now)) == 0 && !u.unclear(now) {
		return nil
	}
	done, err := u.activate(ctx)
	if err != nil || !done {
		return err
	}
	u.report.Activated = true
	return u.await(ctx)
}

// unclear reports that nobody can tell from what the device says whether it runs what was written: nobody said which
// version that is, and the device keeps no account of it.
func (u *updater) unclear(now DeviceInfo) bool {
	untold := u.Disk != "" || len(now.Stored) == 0 && maps.Equal(now.Running, u.before.Running)
	return u.report.Written && len(u.Want) == 0 && untold
}

// activate has the device run what it has. Without an error and not done, the report says what it takes.
func (u *updater) activate(ctx context.Context) (done bool, err error) {
	switch {
	case u.Disk != "" && u.can.Reinit && u.AllowReset:
		u.step(StepActivate, "reload driver_reinit")
		return true, u.Device.Reinit(ctx)
	case u.Disk != "" || !u.can.Reload:
		u.report.Needs = u.needs()
		return false, nil
	}
	if u.can.NoReset {
		u.step(StepActivate, "reload fw_activate")
		err = u.Device.Activate(ctx, true)
		if err == nil {
			return true, nil
		}
		u.note("activation without a reset: %v", err)
	}
	if !u.AllowReset {
		u.report.Needs = NeedsReset
		return false, nil
	}
	u.step(StepActivate, "reload fw_activate, with a reset")
	return true, u.Device.Activate(ctx, false)
}

// await waits until the device runs what it keeps.
func (u *updater) await(ctx context.Context) error {
	u.step(StepVerify, "the device must run what is stored")
	ctx, cancel := context.WithTimeout(ctx, u.Wait)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		now, err := u.Device.Info(ctx)
		if err == nil {
			u.finish(now)
			waiting := u.outdated(now)
			if len(waiting) == 0 {
				return nil
			}
			err = fmt.Errorf("%s is %q, not %q", waiting[0], now.Running[waiting[0]], orElseStored(u.Want, now, waiting[0]))
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return fmt.Errorf("%w within %v: %w", ErrNotUpdated, u.Wait, err)
		}
	}
}

func orElseStored(want map[string]string, info DeviceInfo, name string) string {
	if v, ok := want[name]; ok {
		return v
	}
	return stored(info, name)
}

// finish reports the components whose versions differ, before and now, from each other or from what is wanted.
func (u *updater) finish(now DeviceInfo) {
	names := maps.Clone(u.Want)
	if names == nil {
		names = map[string]string{}
	}
	for _, list := range []map[string]string{u.before.Stored, u.before.Running, now.Stored, now.Running} {
		for name := range list {
			_, isStored := now.Stored[name]
			if u.before.Stored[name] != now.Stored[name] || u.before.Running[name] != now.Running[name] ||
				isStored && now.Running[name] != "" && now.Stored[name] != now.Running[name] {
				names[name] = u.Want[name]
			}
		}
	}
	u.report.Components = nil
	for _, name := range slices.Sorted(maps.Keys(names)) {
		u.report.Components = append(u.report.Components, ComponentReport{Name: name, Want: u.Want[name],
			Stored: Change{u.before.Stored[name], now.Stored[name]}, Running: Change{u.before.Running[name], now.Running[name]}})
	}
}

// record writes the history.
func (u *updater) record(err error) {
	if u.History == nil || u.DryRun || u.report.Device == "" {
		return
	}
	r := firmware.LoadRecord{Device: u.report.Device, Name: filepath.Base(u.report.File), Result: firmware.Loaded, Duration: time.Since(u.start)}
	var changed []string
	for _, c := range u.report.Components {
		version := c.Stored.After
		if version == "" && u.report.Needs != "" {
			version = c.Want // the device does not say what is stored
		}
		if version == "" {
			version = c.Running.After
		}
		changed = append(changed, c.Name+" "+version)
	}
	r.Version = strings.Join(changed, ", ")
	switch {
	case u.refused:
		r.Result, r.Message = firmware.LoadRefused, err.Error()
	case err != nil:
		r.Result, r.Message = firmware.LoadFailed, err.Error()
	case u.report.Needs != "":
		r.Result, r.Message = firmware.LoadPending, "runs "+afterWhat(u.report.Needs)
	}
	if u.signer != nil {
		r.Signer = u.signer.Fingerprint
	}
	if u.file != nil {
		sum := sha256.New()
		if _, err := io.Copy(sum, u.file.reader()); err != nil {
			u.Observe(Trouble{"compute the file's digest", err})
		}
		r.SHA256 = hex.EncodeToString(sum.Sum(nil))
	}
	u.step(StepRecord, "%s", r.Result)
	if err := u.History.Append(r); err != nil {
		u.Observe(Trouble{"record the update", err})
	}
}
