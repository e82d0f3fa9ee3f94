package firmware

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// HistoryPath is where the history lies by default.
const HistoryPath = "/var/lib/p4dev/history.jsonl"

// maxHistoryLine bounds a line, in bytes; longer ones count as torn.
const maxHistoryLine = 64 << 10

// LoadResult says how a load ended.
type LoadResult string

// The results.
const (
	Loaded       LoadResult = "loaded"        // and verified, as far as the device reports what it runs
	LoadFailed   LoadResult = "failed"        // the device refused it, or did not report it afterwards
	LoadRefused  LoadResult = "refused"       // by Check
	LoadReverted LoadResult = "reverted"      // the device went back to what it ran before
	LoadPending  LoadResult = "pending-reset" // stored, runs after a reset
)

// LoadRecord is one line of the history.
type LoadRecord struct {
	Time          time.Time     `json:"time"`
	Device        string        `json:"device"` // devlink handle, "pci/0000:01:00.0"
	Name          string        `json:"name"`   // of the package
	Version       string        `json:"version"`
	Source        string        `json:"source,omitempty"`         // source tag
	SHA256        string        `json:"sha256,omitempty"`         // of the package's file
	LowestVersion string        `json:"lowest_version,omitempty"` // the bar that the package sets
	FromName      string        `json:"from_name,omitempty"`      // what ran before
	FromVersion   string        `json:"from_version,omitempty"`
	Signer        string        `json:"signer,omitempty"` // fingerprint of the key
	Result        LoadResult    `json:"result"`
	Duration      time.Duration `json:"duration_ns"`
	Message       string        `json:"message,omitempty"`
}

// History is a file of LoadRecords, one JSON object per line, which only grows. Several processes may append
// at the same time.
type History struct{ Path string }

// TornLine is a line that could not be read: the last one where a write was cut off, or one that was damaged.
type TornLine struct {
	Line int   // from 1
	Err  error // wraps io.ErrUnexpectedEOF for a line without an end
}

// Append adds a record with one write to the end of the file, under a lock where the system has one, and waits
// until it is on the disk. File and folder are made where they are missing. A zero time becomes the current one.
func (h History) Append(r LoadRecord) error {
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	r.Time = r.Time.UTC()
	line, err := json.Marshal(r)
	if err == nil && len(line) >= maxHistoryLine {
		err = fmt.Errorf("%w: %d bytes", ErrTooLarge, len(line))
	}
	if err == nil {
		err = h.append(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("firmware: append to history: %w", err)
	}
	return nil
}

func (h History) append(line []byte) error {
	if err := os.MkdirAll(filepath.Dir(h.Path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(h.Path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := lockFile(f); err != nil {
		return err
	}
	torn, err := endsTorn(f)
	if err != nil {
		return err
	}
	if torn {
		line = append([]byte("\n"), line...)
	}
	if _, err := f.Write(line); err != nil {
		return err
	}
	return f.Sync()
}

// endsTorn reports whether the file's last line has no end: a write that was cut off.
func endsTorn(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return last[0] != '\n', err
}

// Read returns the records, oldest first, and the lines that could not be read. A file that does not exist is an
// empty history.
func (h History) Read() ([]LoadRecord, []TornLine, error) {
	f, err := os.Open(h.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("firmware: read history: %w", err)
	}
	defer f.Close()
	records, torn, err := readHistory(f)
	if err != nil {
		return records, torn, fmt.Errorf("firmware: read history: %w", err)
	}
	return records, torn, nil
}

func readHistory(r io.Reader) ([]LoadRecord, []TornLine, error) {
	var records []LoadRecord
	var torn []TornLine
	in := bufio.NewReaderSize(r, maxHistoryLine)
	for number := 1; ; number++ {
		line, end, err := readLine(in)
		if err == nil && len(line) == 0 {
			if end {
				return records, torn, nil
			}
			continue
		}
		var rec LoadRecord
		switch {
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return records, torn, err
		case err != nil:
			err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxHistoryLine)
		default:
			err = json.Unmarshal(line, &rec)
		}
		if err == nil && !end {
			records = append(records, rec)
			continue
		}
		if end {
			err = fmt.Errorf("%w: the line has no end", io.ErrUnexpectedEOF)
		}
		torn = append(torn, TornLine{Line: number, Err: err})
		if end {
			return records, torn, nil
		}
	}
}

// readLine returns a line without its end, which is valid until the next call; end is set where the input ended
// before the line did. A line that is too long is skipped and is bufio.ErrBufferFull.
func readLine(in *bufio.Reader) (line []byte, end bool, err error) {
	line, err = in.ReadSlice('\n')
	full := errors.Is(err, bufio.ErrBufferFull)
	for rest := err; errors.Is(rest, bufio.ErrBufferFull); {
		_, rest = in.ReadSlice('\n')
		end = errors.Is(rest, io.EOF)
	}
	switch {
	case full:
		return nil, end, bufio.ErrBufferFull
	case errors.Is(err, io.EOF):
		return line, true, nil
	}
	return bytes.TrimSuffix(line, []byte("\n")), false, err
}

// Bar returns the highest bar that packages of the name have set on the device: no version below it should be
// loaded again. It is "" where none has.
func Bar(records []LoadRecord, device, name string) string {
	var bar Version
	text := ""
	for _, r := range records {
		if r.Device != device || r.Name != name || r.Result != Loaded && r.Result != LoadPending {
			continue
		}
		if v, err := ParseVersion(r.LowestVersion); err == nil && (text == "" || v.Compare(bar) > 0) {
			bar, text = v, r.LowestVersion
		}
	}
	return text
}
