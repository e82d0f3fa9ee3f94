// Package bench measures what p4dev promises about speed. Every row sets the generated eBPF, the tables or the
// interpreter against a yardstick in the same process, the two taking turns for several rounds; a row reports
// medians with quartiles, and the ratios that count. Yardsticks are C programs of testdata/bench, which clang
// compiles when a row needs them, or maps of the kernel's own, or figures that others have published; for the decoding
// of dumps, the devlink command.
//
//	report, err := bench.Run(ctx, bench.Config{Rows: []string{"lpm"}})
//
// It needs root, Linux and, for the C programs, clang and libbpf's headers. Everything it makes lies in network
// namespaces and a BPF file system of its own and ends with the process.
package bench
