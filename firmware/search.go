package firmware

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Files of the running kernel that decide where it searches, relative to the root.
const (
	pathParameter = "sys/module/firmware_class/parameters/path"
	kernelRelease = "proc/sys/kernel/osrelease"
)

// MaxPackageSize is the default limit of Search, in bytes.
const MaxPackageSize = 1 << 30

// Search finds firmware files where the kernel does, in its order: the name in every folder, then the name with
// ".zst" behind it in every folder, then ".xz".
type Search struct {
	FS    fs.FS    // the root of the file system
	Paths []string // folders relative to the root, without slashes at the ends, the first searched first
	Limit int64    // most bytes of a file, decompressed; 0: MaxPackageSize
}

// KernelSearch returns the search of the kernel whose /sys and /proc are in root (os.DirFS("/")): the module
// parameter firmware_class.path where it is set, /lib/firmware/updates/RELEASE, /lib/firmware/updates,
// /lib/firmware/RELEASE, /lib/firmware (Linux 6.18, drivers/base/firmware_loader/main.c). Where root tells
// neither parameter nor release, their folders are left out.
func KernelSearch(root fs.FS) Search {
	s := Search{FS: root}
	if custom, err := fs.ReadFile(root, pathParameter); err == nil {
		// Reading appends one newline. A second one is part of the parameter, and of the path that the kernel takes.
		if p := strings.Trim(strings.TrimSuffix(string(custom), "\n"), "/"); p != "" {
			s.Paths = append(s.Paths, path.Clean(p))
		}
	}
	release := ""
	if data, err := fs.ReadFile(root, kernelRelease); err == nil {
		release = strings.TrimSpace(string(data))
	}
	for _, dir := range []string{"lib/firmware/updates", "lib/firmware"} {
		if release != "" {
			s.Paths = append(s.Paths, path.Join(dir, release))
		}
		s.Paths = append(s.Paths, dir)
	}
	return s
}

// File is a firmware file that was found.
type File struct {
	*io.SectionReader        // the contents, decompressed
	Name              string // as it was asked for: what the kernel's flash command takes
	Path              string // relative to the root: "lib/firmware/p4dev/l3router.p4fw.zst"
	Encoding          string // "", "zst" or "xz"
	Tried             []Attempt

	fsys   fs.FS
	closer io.Closer
}

// Attempt is a path where no usable file was.
type Attempt struct {
	Path string
	Err  error // wraps fs.ErrNotExist in most cases
}

// NotFoundError says what was looked for and where. It is fs.ErrNotExist if nothing but absence was in the way.
type NotFoundError struct {
	Names []string
	Tried []Attempt
}

// Error names what was searched for, and what was wrong with files that were there.
func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("firmware: find %s: no such file in %d places", strings.Join(e.Names, ", "), len(e.Tried))
	for _, a := range e.Tried {
		if !errors.Is(a.Err, fs.ErrNotExist) {
			text += fmt.Sprintf("; %s: %v", a.Path, a.Err)
		}
	}
	return text
}

// Unwrap returns fs.ErrNotExist, or the errors of the files that were there and could not be used.
func (e *NotFoundError) Unwrap() []error {
	var errs []error
	for _, a := range e.Tried {
		if !errors.Is(a.Err, fs.ErrNotExist) {
			errs = append(errs, a.Err)
		}
	}
	if errs == nil {
		return []error{fs.ErrNotExist}
	}
	return errs
}

// Lookup finds the first of the names that is there, each by the kernel's order, and opens it. The error is a
// *NotFoundError, unless a name is no relative path without ".." (fs.ErrInvalid).
//
// Like the kernel it goes on to the next folder where a file cannot be read, and to the next form only where
// the last folder did not have the file. A file that is larger than the limit counts as one that cannot be read.
func (s Search) Lookup(names ...string) (*File, error) {
	var tried []Attempt
	for _, name := range names {
		if !fs.ValidPath(name) || name == "." {
			return nil, fmt.Errorf("firmware: find %q: %w", name, fs.ErrInvalid)
		}
		f, attempts := s.lookup(name)
		tried = append(tried, attempts...)
		if f != nil {
			f.Tried = tried
			return f, nil
		}
	}
	return nil, &NotFoundError{Names: names, Tried: tried}
}

func (s Search) lookup(name string) (*File, []Attempt) {
	var tried []Attempt
	for _, encoding := range []string{"", "zst", "xz"} {
		var last error
		for _, dir := range s.Paths {
			f, err := s.open(path.Join(dir, name), encoding)
			if err == nil {
				f.Name = name
				return f, tried
			}
			last = err
			tried = append(tried, Attempt{Path: withSuffix(path.Join(dir, name), encoding), Err: err})
		}
		if last != nil && !errors.Is(last, fs.ErrNotExist) {
			break
		}
	}
	return nil, tried
}

func withSuffix(name, encoding string) string {
	if encoding == "" {
		return name
	}
	return name + "." + encoding
}

// open opens one file and decompresses it.
func (s Search) open(name, encoding string) (*File, error) {
	limit := s.Limit
	if limit <= 0 {
		limit = MaxPackageSize
	}
	name = withSuffix(name, encoding)
	file, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: not a regular file", fs.ErrInvalid)
	}
	if err == nil && info.Size() > limit {
		err = fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, info.Size(), limit)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	f := &File{Path: name, Encoding: encoding, fsys: s.FS, closer: file}
	if f.SectionReader, err = contents(file, info.Size(), encoding, limit); err != nil {
		file.Close()
		return nil, err
	}
	return f, nil
}

// contents returns a reader of the file's decompressed contents: of the file itself where that is possible.
func contents(file fs.File, size int64, encoding string, limit int64) (*io.SectionReader, error) {
	var data []byte
	var err error
	switch encoding {
	case "zst":
		data, err = decompressZstd(file, limit)
	case "xz":
		data, err = decompressXZ(file, limit)
	default:
		if at, ok := file.(io.ReaderAt); ok {
			return io.NewSectionReader(at, 0, size), nil
		}
		data, err = readLimited(file, limit)
	}
	if err != nil {
		return nil, err
	}
	return Bytes(data), nil
}

// ReadFile reads a firmware file into memory, at most limit bytes, decompressed where its name ends in ".zst" or ".xz".
func ReadFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("firmware: read file: %w", err)
	}
	defer f.Close()
	var data []byte
	switch filepath.Ext(name) {
	case ".zst":
		data, err = decompressZstd(f, limit)
	case ".xz":
		data, err = decompressXZ(f, limit)
	default:
		data, err = readLimited(f, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("firmware: read file: %s: %w", name, err)
	}
	return data, nil
}

// Close closes the file.
func (f *File) Close() error { return f.closer.Close() }

// Signature returns the signature beside the file, of its decompressed contents: for NAME.p4fw.zst too it is called
// NAME.p4fw.sig. Where there is none it returns nil, which VerifySignature takes for unsigned.
func (f *File) Signature() ([]byte, error) {
	name := strings.TrimSuffix(f.Path, withSuffix("", f.Encoding)) + SignatureSuffix
	sig, err := f.fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("firmware: read signature: %w", err)
	}
	defer sig.Close()
	data, err := readLimited(sig, maxSignature)
	if err != nil {
		return nil, fmt.Errorf("firmware: read signature: %s: %w", name, err)
	}
	return data, nil
}

// Package opens the file as a package, which is usable until the file is closed.
func (f *File) Package() (*Package, error) {
	p, err := Open(f.SectionReader, f.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return p, nil
}
