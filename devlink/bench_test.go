package devlink

import (
	"fmt"
	"testing"
)

// entryMessages builds n entries with two matches and two actions each, in messages of about 4 KiB as the kernel's.
func entryMessages(n int) [][]byte {
	ref := join(at(55, uint32(0)), at(52, uint32(4)), at(58, uint32(6)), at(54, uint8(1)))
	match, action := in(40, at(42, uint32(0)), ref), in(43, at(45, uint32(0)), ref)
	var out [][]byte
	var entries []byte
	for i := range n {
		entries = append(entries, in(35, at(36, uint64(i)), at(39, uint64(i)),
			in(37, in(41, match, at(46, uint32(i)), at(47, uint32(0xffffffff))), in(41, match, at(46, uint16(1)))),
			in(38, in(44, action, at(46, uint32(i)), at(48, uint32(3))), in(44, action, at(46, uint64(1)))))...)
		if len(entries) > 3500 || i == n-1 {
			out = append(out, join(pci, in(34, entries)))
			entries = nil
		}
	}
	return out
}

// BenchmarkDpipeEntries decodes a table of 100,000 entries.
func BenchmarkDpipeEntries(b *testing.B) {
	const n = 100_000
	messages := entryMessages(n)
	b.ReportAllocs()
	for b.Loop() {
		var d entryDecoder
		count := 0
		for _, m := range messages {
			if err := d.message(m, func(DpipeEntry) bool { count++; return true }); err != nil {
				b.Fatal(err)
			}
		}
		if count != n {
			b.Fatalf("got %d entries", count)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/entry")
}

// BenchmarkPorts decodes 1,000 ports.
func BenchmarkPorts(b *testing.B) {
	const n = 1000
	var messages [][]byte
	for i := range n {
		messages = append(messages, join(pci, at(3, uint32(i)), at(4, uint16(2)), at(6, uint32(i)), at(7, fmt.Sprintf("eth%d", i)),
			at(77, uint16(0)), at(78, uint32(i)), at(147, uint32(4)), at(148, uint8(1))))
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, m := range messages {
			if _, err := decodePort(m); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/port")
}
