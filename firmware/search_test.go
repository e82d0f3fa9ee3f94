package firmware_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/ulikunitz/xz"

	"github.com/p4dev/p4dev/firmware"
)

func files(names ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for _, n := range names {
		m[n] = &fstest.MapFile{Data: []byte(n)}
	}
	return m
}

func TestKernelSearch(t *testing.T) {
	root := fstest.MapFS{
		"proc/sys/kernel/osrelease":                 {Data: []byte("6.18.0-rc1\n")},
		"sys/module/firmware_class/parameters/path": {Data: []byte("/srv/firmware/\n")},
	}
	want := []string{"srv/firmware", "lib/firmware/updates/6.18.0-rc1", "lib/firmware/updates", "lib/firmware/6.18.0-rc1", "lib/firmware"}
	if diff := cmp.Diff(want, firmware.KernelSearch(root).Paths); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	root["sys/module/firmware_class/parameters/path"].Data = []byte("\n")
	if diff := cmp.Diff(want[1:], firmware.KernelSearch(root).Paths); diff != "" {
		t.Errorf("no parameter: -want +got:\n%s", diff)
	}
	root["sys/module/firmware_class/parameters/path"].Data = []byte("/srv/fw\n\n")
	if got := firmware.KernelSearch(root).Paths[0]; got != "srv/fw\n" {
		t.Errorf("parameter with a newline: %q", got)
	}
	if diff := cmp.Diff([]string{"lib/firmware/updates", "lib/firmware"}, firmware.KernelSearch(fstest.MapFS{}).Paths); diff != "" {
		t.Errorf("nothing known: -want +got:\n%s", diff)
	}
}

func packed(t *testing.T, text string) (zst, xzBytes []byte) {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return compress(t, []byte(text)), b.Bytes()
}

func TestLookup(t *testing.T) {
	zst, xzData := packed(t, strings.Repeat("contents ", 1000))
	root := fstest.MapFS{
		"b/plain":         {Data: []byte("plain")},
		"a/plain.zst":     {Data: zst},
		"a/both.xz":       {Data: xzData},
		"b/both.zst":      {Data: zst},
		"b/only.xz":       {Data: xzData},
		"a/broken.zst":    {Data: []byte("not zstd")},
		"b/broken.zst":    {Data: zst},
		"b/ends.zst":      {Data: []byte("not zstd")},
		"b/ends.xz":       {Data: xzData},
		"a/folder/x":      {},
		"a/p4dev/x.p4fw":  {Data: []byte("package")},
		"a/large":         {Data: make([]byte, 20000)},
		"a/large-zst.zst": {Data: compress(t, make([]byte, 20000))},
	}
	s := firmware.Search{FS: root, Paths: []string{"a", "b"}, Limit: 10000}
	tests := []struct {
		names []string
		path  string // "" for an error
		is    error
	}{
		{[]string{"plain"}, "b/plain", nil},
		{[]string{"both"}, "b/both.zst", nil},
		{[]string{"only"}, "b/only.xz", nil},
		{[]string{"broken"}, "b/broken.zst", nil},
		{[]string{"ends"}, "", nil},
		{[]string{"p4dev/y.p4fw", "p4dev/x.p4fw", "plain"}, "a/p4dev/x.p4fw", nil},
		{[]string{"missing", "none"}, "", fs.ErrNotExist},
		{[]string{"large"}, "", firmware.ErrTooLarge},
		{[]string{"large-zst"}, "", firmware.ErrTooLarge},
		{[]string{"folder"}, "", fs.ErrInvalid},
		{[]string{"../b/plain"}, "", fs.ErrInvalid},
		{[]string{"/b/plain"}, "", fs.ErrInvalid},
		{[]string{""}, "", fs.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.names, " "), func(t *testing.T) {
			f, err := s.Lookup(tt.names...)
			if tt.path == "" {
				if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
					t.Fatalf("error %v, want %v", err, tt.is)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if f.Path != tt.path || !slices.Contains(tt.names, f.Name) {
				t.Errorf("found %s as %s, want %s", f.Path, f.Name, tt.path)
			}
			data, err := io.ReadAll(f)
			if want := map[string]int{"": len(root[tt.path].Data), "zst": 9000, "xz": 9000}[f.Encoding]; err != nil || len(data) != want {
				t.Errorf("%d bytes, %v, want %d", len(data), err, want)
			}
		})
	}
}

// TestLookupOrder reads off the order in which files are tried.
func TestLookupOrder(t *testing.T) {
	s := firmware.Search{FS: files("b/n2.xz"), Paths: []string{"a", "b"}}
	_, err := s.Lookup("n1", "n2")
	var none *firmware.NotFoundError
	if !errors.As(err, &none) {
		t.Fatalf("error %v, want a *NotFoundError", err)
	}
	var got []string
	for _, a := range none.Tried {
		got = append(got, a.Path)
	}
	want := []string{"a/n1", "b/n1", "a/n1.zst", "b/n1.zst", "a/n1.xz", "b/n1.xz", "a/n2", "b/n2", "a/n2.zst", "b/n2.zst", "a/n2.xz", "b/n2.xz"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "b/n2.xz: decompress xz") {
		t.Errorf("error %v must be about the file that is there", err)
	}
}

// TestXZDictionary has a file whose header asks for a dictionary of 4 GiB.
func TestXZDictionary(t *testing.T) {
	_, data := packed(t, "text")
	i := bytes.IndexByte(data[12:], 0x21) // LZMA2 in the header of the first block
	data[12+i+2] = 40
	s := firmware.Search{FS: fstest.MapFS{"a/n.xz": {Data: data}}, Paths: []string{"a"}}
	if _, err := s.Lookup("n"); !errors.Is(err, firmware.ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
}

// TestCompressedPackage goes the whole way: a folder on disk, candidates, tools of the system, a signature.
func TestCompressedPackage(t *testing.T) {
	_, data := buildPackage(t, programOptions(t, "l2switch"))
	key := newKey(t, "ed25519", 0)
	for _, tool := range []string{"zstd", "xz"} {
		t.Run(tool, func(t *testing.T) {
			needTool(t, tool)
			dir := t.TempDir()
			path := filepath.Join(dir, "lib/firmware/p4dev/simnic.p4fw")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			for name, content := range map[string][]byte{path: data, path + ".sig": sign(t, key, string(data))} {
				if err := os.WriteFile(name, content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := exec.Command(tool, "-q", path).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			f, err := firmware.KernelSearch(os.DirFS(dir)).Lookup(firmware.Candidates(firmware.DeviceIdentity{
				DeviceID: firmware.DeviceID{Driver: "simnic"}, Serial: "1"})...)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			sig, err := f.Signature()
			if err != nil {
				t.Fatal(err)
			}
			pkg, err := f.Package()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := pkg.VerifySignature(sig, firmware.Trust{Allowed: allowed(t, "a "+authorized(key.PublicKey()))}); err != nil {
				t.Error(err)
			}
			if f.Name != "p4dev/simnic.p4fw" || len(f.Tried) == 0 {
				t.Errorf("name %s, tried %v", f.Name, f.Tried)
			}
		})
	}
}

func TestCandidates(t *testing.T) {
	tests := []struct {
		name string
		id   firmware.DeviceIdentity
		want []string
	}{
		{"all", firmware.DeviceIdentity{DeviceID: firmware.DeviceID{Driver: "ice",
			PCI: firmware.PCIID{Vendor: 0x8086, Device: 0x1592, Subvendor: 0x8086, Subdevice: 2}},
			Bus: "pci", Address: "0000:01:00.0", Serial: "00-01-00-ff-ff-00-00-00"}, []string{
			"p4dev/serial-00-01-00-ff-ff-00-00-00.p4fw", "p4dev/pci-0000:01:00.0.p4fw",
			"p4dev/pci-8086:1592-8086:0002.p4fw", "p4dev/pci-8086:1592.p4fw", "p4dev/ice.p4fw"}},
		{"simulated", firmware.DeviceIdentity{DeviceID: firmware.DeviceID{Driver: "netdevsim"}, Bus: "netdevsim", Address: "netdevsim1"},
			[]string{"p4dev/netdevsim-netdevsim1.p4fw", "p4dev/netdevsim.p4fw"}},
		{"hostile", firmware.DeviceIdentity{DeviceID: firmware.DeviceID{Driver: ".."}, Serial: "../../etc/x\x00 %", Bus: "..", Address: "a/b"},
			[]string{"p4dev/serial-%2E.%2F..%2Fetc%2Fx%00%20%25.p4fw", "p4dev/%2E.-a%2Fb.p4fw", "p4dev/%2E..p4fw"}},
		{"too long", firmware.DeviceIdentity{Serial: strings.Repeat("ä", 100)}, nil},
		{"nothing", firmware.DeviceIdentity{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := firmware.Candidates(tt.id)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, name := range got {
				if !fs.ValidPath(name) || strings.Count(name, "/") != 1 {
					t.Errorf("%s is no path right below p4dev", name)
				}
			}
		})
	}
}
