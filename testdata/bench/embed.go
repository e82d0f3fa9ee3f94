// Package bench embeds the programs that "p4dev bench" measures against and with: README.md in this folder says
// what each is for.
package bench

import "embed"

// FS holds what clang compiles when a benchmark runs: c/NAME.bpf.c with c/yardstick.h, c/simlink.c and c/usage.c.
//
//go:embed c
var FS embed.FS
