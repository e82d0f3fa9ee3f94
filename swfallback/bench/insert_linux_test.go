package bench

import (
	"runtime"
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// BenchmarkInsert fills each table twice an iteration, and a plain hash map of the kernel between: the metrics are
// millions of entries per second of CPU time, and their ratio.
func BenchmarkInsert(b *testing.B) {
	bpftest.Require(b, "root", "bpf")
	all, err := fillings()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range all {
		b.Run(f.name, func(b *testing.B) {
			var ours, again, plain float64
			for b.Loop() {
				l, err := newLab(Config{Rounds: 1})
				if err != nil {
					b.Fatal(err)
				}
				runtime.GC()
				p, _, err := f.insertPlain()
				if err != nil {
					b.Fatal(err)
				}
				first, second, err := l.insertOurs(b.Context(), &f)
				if err != nil {
					b.Fatal(err)
				}
				if err := l.close(); err != nil {
					b.Fatal(err)
				}
				ours, again, plain = ours+1/first, again+1/second, plain+1/p
			}
			b.ReportMetric(float64(b.N)/ours, "M/s")
			b.ReportMetric(float64(b.N)/plain, "plain-M/s")
			b.ReportMetric(plain/ours, "ratio")
			b.ReportMetric(float64(b.N)/again, "again-M/s")
			b.ReportMetric(plain/again, "again-ratio")
		})
	}
}
