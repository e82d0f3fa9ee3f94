package offload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/p4dev/p4dev/firmware"
)

// source is a package that was found.
type source struct {
	pkg       *firmware.Package
	signature []byte
	path      string // for people
	flashName string // relative to the firmware folders; "": it lies elsewhere
	closers   []io.Closer
}

func (s *source) close() error {
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// find opens the package that the request names, or the device's own.
func (l *loader) find() error {
	var err error
	switch {
	case l.File == "":
		l.step(StepFind, "search for %s", l.Identity.Driver)
		l.source, err = l.lookup(firmware.Candidates(l.Identity)...)
	case isPath(l.File):
		l.step(StepFind, "%s", l.File)
		l.source, err = l.openPath()
	default:
		l.step(StepFind, "%s", l.File)
		l.source, err = l.lookup(nameCandidates(l.File)...)
	}
	if err != nil {
		return err
	}
	m := l.source.pkg.Manifest
	l.report.File, l.report.FlashName = l.source.path, l.source.flashName
	l.report.Package = firmware.Program{Name: m.Name, Version: m.Version, Source: m.Source}
	return nil
}

// isPath reports whether a file is named by its place rather than by its name in the firmware folders: it is
// absolute, starts with a dot, or is there.
func isPath(file string) bool {
	if filepath.IsAbs(file) || strings.HasPrefix(file, ".") {
		return true
	}
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}

// nameCandidates returns the names that "l3router" can stand for.
func nameCandidates(name string) []string {
	list := []string{name}
	if path.Ext(name) != firmware.Extension {
		list = append(list, name+firmware.Extension)
	}
	if !strings.Contains(name, "/") {
		for _, n := range list {
			list = append(list, firmware.Folder+"/"+n)
		}
	}
	return list
}

// lookup finds a package where the kernel would.
func (l *loader) lookup(names ...string) (*source, error) {
	if len(names) == 0 {
		return nil, errors.New("nothing is known of the device to look for")
	}
	f, err := l.Search.Lookup(names...)
	if err != nil {
		return nil, err
	}
	s := &source{path: "/" + f.Path, flashName: f.Name, closers: []io.Closer{f}}
	if s.pkg, err = f.Package(); err == nil {
		s.signature, err = f.Signature()
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openPath opens a package by its path. The kernel's loader reaches it only where it lies in a firmware folder.
func (l *loader) openPath() (*source, error) {
	pkg, err := firmware.OpenFile(l.File)
	if err != nil {
		return nil, err
	}
	s := &source{pkg: pkg, path: l.File, closers: []io.Closer{pkg}}
	if s.signature, err = firmware.ReadSignature(l.File); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.flashName = nameIn(l.Search, l.File)
	return s, nil
}

// nameIn returns the name by which the kernel's search finds exactly this file, or "".
func nameIn(s firmware.Search, file string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		return ""
	}
	root, isDir := strings.CutPrefix(filepath.ToSlash(abs), "/")
	for _, dir := range s.Paths {
		name, below := strings.CutPrefix(root, dir+"/")
		if !isDir || !below {
			continue
		}
		if f, err := s.Lookup(name); err == nil {
			found := f.Path
			if f.Close() == nil && found == root && sameFile(s.FS, found, file) {
				return name
			}
		}
	}
	return ""
}

// sameFile reports whether the search's root is the system's, so that both names are one file.
func sameFile(root fs.FS, name, file string) bool {
	a, errA := fs.Stat(root, name)
	b, errB := os.Stat(file)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// Stager makes a package visible to a device's loader for the time of a flash.
type Stager interface {
	// Stage writes the package and returns the name for the loader, and a function that removes it again.
	Stage(ctx context.Context, pkg *firmware.Package) (name string, remove func() error, err error)
}

// FolderStager copies packages into a firmware folder, "/lib/firmware".
type FolderStager struct{ Root string }

// Stage implements Stager. The copy is p4dev/.NAME-RANDOM.tmp below the folder, readable by its owner only.
func (s FolderStager) Stage(ctx context.Context, pkg *firmware.Package) (string, func() error, error) {
	return s.stage(ctx, pkg.Manifest.Name, pkg.WriteTo)
}

// stage writes a copy of what is called name.
func (s FolderStager) stage(_ context.Context, name string, write func(io.Writer) (int64, error)) (string, func() error, error) {
	fail := func(err error) (string, func() error, error) {
		return "", nil, fmt.Errorf("offload: stage %s: %w", name, err)
	}
	dir := filepath.Join(s.Root, firmware.Folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(err)
	}
	s.sweep(dir)
	f, err := os.CreateTemp(dir, "."+name+"-*.tmp")
	if err != nil {
		return fail(err)
	}
	_, err = write(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fail(errors.Join(err, os.Remove(f.Name())))
	}
	return firmware.Folder + "/" + filepath.Base(f.Name()), func() error { return os.Remove(f.Name()) }, nil
}

// install writes a file below the folder, in one move, where a driver will look for it.
func (s FolderStager) install(name string, r io.Reader) error {
	if !fs.ValidPath(name) || name == "." {
		return fmt.Errorf("name %q: %w", name, fs.ErrInvalid)
	}
	to := filepath.Join(s.Root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".p4dev-*.tmp")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// abandoned is the age at which a staged copy belongs to a process that was killed: no flash takes as long.
const abandoned = 2 * time.Hour

// sweep removes copies that processes left when they were killed. It is a courtesy: errors do not matter.
func (s FolderStager) sweep(dir string) {
	copies, _ := filepath.Glob(filepath.Join(dir, ".*-*.tmp"))
	for _, c := range copies {
		if info, err := os.Stat(c); err == nil && time.Since(info.ModTime()) > abandoned {
			os.Remove(c)
		}
	}
}
