package stf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Case is a packet test with the program that it is for.
type Case struct {
	Name    string   // the test file's path without its extension, as Find was given it
	Program string   // path of the program: BMv2 JSON or a package
	Files   []string // in the order in which they are played; the last one has the packets
}

// ErrNoProgram says that no program belongs to a packet test.
var ErrNoProgram = errors.New("no program of that name beside the packet test")

// programExtensions are what programs are called, in the order in which they are looked for.
var programExtensions = []string{".json", ".p4fw"}

// Find returns the packet tests that paths name, in the order of the paths:
//
//   - A folder stands for all packet tests in it and in folders below, sorted.
//   - A program (.json, .p4fw) with packet tests behind it stands for these, whatever they are called; with none
//     behind it, for those that are named after it.
//   - A packet test (.stf) that follows no program belongs to the program that it is named after: NAME.stf and
//     NAME_VARIANT.stf to NAME.json or NAME.p4fw beside it, the longest name first.
//   - A file of commands (.cli) is played in front of the packet test that follows it. NAME_cli.stf is played behind
//     NAME.cli wherever that is there.
//
// A packet test without a program is in the list with an empty Program. The error wraps fs.ErrNotExist for paths that
// are not there.
func Find(paths ...string) ([]Case, error) {
	f := finder{}
	for _, path := range paths {
		if err := f.add(path); err != nil {
			return nil, fmt.Errorf("stf: find packet tests: %w", err)
		}
	}
	if err := f.endProgram(); err != nil {
		return nil, fmt.Errorf("stf: find packet tests: %w", err)
	}
	if len(f.commands) > 0 {
		return nil, fmt.Errorf("stf: find packet tests: no packet test follows %s", f.commands[0])
	}
	return f.cases, nil
}

// finder goes through paths.
type finder struct {
	cases    []Case
	program  string // the last program that was named
	used     bool   // by a packet test behind it
	commands []string
}

func (f *finder) add(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		if err := f.endProgram(); err != nil {
			return err
		}
		return f.addFolder(path)
	case filepath.Ext(path) == ".cli":
		f.commands = append(f.commands, path)
	case filepath.Ext(path) == ".stf":
		f.addTest(path)
	case slices.Contains(programExtensions, filepath.Ext(path)):
		if err := f.endProgram(); err != nil {
			return err
		}
		f.program, f.used = path, false
	default:
		return fmt.Errorf("%s: want a folder, a program (.json, .p4fw) or a packet test (.stf, .cli)", path)
	}
	return nil
}

// addTest adds a packet test that was named.
func (f *finder) addTest(path string) {
	c := caseOf(path)
	if f.program != "" {
		c.Program, f.used = f.program, true
	}
	if len(f.commands) > 0 {
		c.Files, f.commands = append(f.commands, path), nil
	}
	f.cases = append(f.cases, c)
}

// endProgram adds the tests that are named after a program with none behind it.
func (f *finder) endProgram() error {
	program, used := f.program, f.used
	f.program, f.used = "", false
	if program == "" || used {
		return nil
	}
	base := strings.TrimSuffix(program, filepath.Ext(program))
	files, err := os.ReadDir(filepath.Dir(program))
	if err != nil {
		return err
	}
	before := len(f.cases)
	for _, file := range files {
		path := filepath.Join(filepath.Dir(program), file.Name())
		stem, isTest := strings.CutSuffix(path, ".stf")
		if !isTest || stem != filepath.Clean(base) && programOf(stem) != filepath.Clean(program) {
			continue
		}
		c := caseOf(path)
		c.Program = program
		f.cases = append(f.cases, c)
	}
	if len(f.cases) == before {
		return fmt.Errorf("%s: no packet test %s.stf beside it: %w", program, filepath.Base(base), fs.ErrNotExist)
	}
	return nil
}

func (f *finder) addFolder(dir string) error {
	before := len(f.cases)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == ".stf" {
			f.cases = append(f.cases, caseOf(path))
		}
		return err
	})
	if err == nil && len(f.cases) == before {
		err = fmt.Errorf("%s: no packet test (.stf) in it: %w", dir, fs.ErrNotExist)
	}
	return err
}

// caseOf makes the case of a packet test by its name.
func caseOf(path string) Case {
	stem := strings.TrimSuffix(path, ".stf")
	c := Case{Name: filepath.ToSlash(stem), Program: programOf(stem), Files: []string{path}}
	if base, ok := strings.CutSuffix(stem, "_cli"); ok && isFile(base+".cli") {
		c.Files = []string{base + ".cli", path}
	}
	return c
}

// programOf returns the program that a packet test is named after; "": there is none.
func programOf(stem string) string {
	dir, name := filepath.Split(stem)
	for name != "" {
		for _, ext := range programExtensions {
			if path := filepath.Join(dir, name+ext); isFile(path) {
				return path
			}
		}
		name = name[:max(strings.LastIndexByte(name, '_'), 0)]
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Load reads the case's files and joins them. The error is a *SyntaxError where one of them cannot be read as a
// test.
func (c Case) Load() (*Test, error) {
	var tests []*Test
	for _, file := range c.Files {
		t, err := ReadFile(file)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	return Join(c.Name, tests...), nil
}

// ReadFile reads a packet test, or with the extension .cli a file of commands.
func ReadFile(path string) (*Test, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("stf: read packet test: %w", err)
	}
	if filepath.Ext(path) == ".cli" {
		return ReadCommands(filepath.Base(path), data)
	}
	return Read(filepath.Base(path), data)
}

// Configuration returns the statements of a test that fill tables and set other state, without its packets and
// what it expects.
func (t *Test) Configuration() *Test {
	return &Test{Name: t.Name, Statements: slices.DeleteFunc(slices.Clone(t.Statements), isTraffic), names: t.names}
}

// isTraffic reports whether a statement deals with packets.
func isTraffic(s Statement) bool {
	switch s.(type) {
	case *Packet, *Expect, *CheckCounter, *CheckRegister, *ExpectDigest, *Wait, *NoPacket:
		return true
	}
	return false
}

// Ports returns the ports that the test names, sorted.
func (t *Test) Ports() []uint32 {
	var ports []uint32
	for _, s := range t.Statements {
		switch s := s.(type) {
		case *Packet:
			ports = append(ports, s.Port)
		case *Expect:
			ports = append(ports, s.Port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
