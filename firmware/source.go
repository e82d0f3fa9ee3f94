package firmware

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// SourceFile is one file of a P4 program.
type SourceFile struct {
	Name string // with slashes, relative to the folder of the main file: "l3router.p4", "include/headers.p4"
	Data []byte
}

// maxSourceFiles and maxSourceSize bound what ReadSource follows.
const (
	maxSourceFiles = 1000
	maxSourceSize  = 64 << 20
)

// SourceTag returns the digest by which hardware and software recognise that they run one program,
// "sha256:" and 64 lower-case hexadecimal digits.
//
// Of one file it is the SHA-256 of its bytes, whatever its name. Of several it is the SHA-256 of a list with a line
// for each file, in the order of the names' bytes: the SHA-256 of its bytes in hexadecimal, two spaces, its
// name, a newline. That is what sha256sum prints: sha256sum FILES | LC_ALL=C sort -k2 | sha256sum.
func SourceTag(files ...SourceFile) (string, error) {
	switch len(files) {
	case 0:
		return "", errors.New("firmware: compute source tag: no source files")
	case 1:
		return tagOf(files[0].Data), nil
	}
	sorted := slices.SortedFunc(slices.Values(files), func(a, b SourceFile) int { return strings.Compare(a.Name, b.Name) })
	var list bytes.Buffer
	for i, f := range sorted {
		if f.Name == "" || strings.ContainsAny(f.Name, "\n\r\\\x00") {
			return "", fmt.Errorf("firmware: compute source tag: file name %q", f.Name)
		}
		if i > 0 && sorted[i-1].Name == f.Name {
			return "", fmt.Errorf("firmware: compute source tag: two files %q", f.Name)
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(f.Data), f.Name)
	}
	return tagOf(list.Bytes()), nil
}

func tagOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// ParseSourceTag splits a source tag into its algorithm, "sha256" or "sha1", and its digest. Hexadecimal digits of
// either case are read; compare tags with SameSource.
func ParseSourceTag(tag string) (algorithm string, digest []byte, err error) {
	algorithm, text, _ := strings.Cut(tag, ":")
	size, known := map[string]int{"sha256": 32, "sha1": 20}[algorithm]
	digest, err = hex.DecodeString(text)
	if !known || err != nil || len(digest) != size {
		return "", nil, fmt.Errorf("firmware: parse source tag %.80q: want sha256: and 64 hexadecimal digits", tag)
	}
	return algorithm, digest, nil
}

// SameSource reports whether two source tags are valid and name the same source. Tags of different
// algorithms never do.
func SameSource(a, b string) bool {
	algA, sumA, errA := ParseSourceTag(a)
	algB, sumB, errB := ParseSourceTag(b)
	return errA == nil && errB == nil && algA == algB && bytes.Equal(sumA, sumB)
}

// ReadSource reads a P4 program from fsys: the main file and all that it includes in quotes, each once, sorted
// by name. Files included in angle brackets belong to the compiler and its architecture, and are left out.
func ReadSource(fsys fs.FS, main string) ([]SourceFile, error) {
	include := regexp.MustCompile(`(?m)^[ \t]*#[ \t]*include[ \t]+"([^"\n]+)"`)
	queue := []string{path.Base(main)}
	seen := map[string]bool{queue[0]: true}
	var files []SourceFile
	total := 0
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		data, err := fs.ReadFile(fsys, path.Join(path.Dir(main), name))
		if err != nil {
			return nil, fmt.Errorf("firmware: read source: %w", err)
		}
		if total += len(data); total > maxSourceSize || len(files) == maxSourceFiles {
			return nil, fmt.Errorf("firmware: read source: %s: %w", name, ErrTooLarge)
		}
		files = append(files, SourceFile{Name: name, Data: data})
		for _, m := range include.FindAllSubmatch(data, -1) {
			next := path.Join(path.Dir(name), string(m[1]))
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	slices.SortFunc(files, func(a, b SourceFile) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}
