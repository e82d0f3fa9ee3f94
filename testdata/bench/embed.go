// Package bench embeds the programs that "p4dev bench" measures against and with: README.md in this folder says
// what each is for.
package bench

import "embed"

// FS holds c/NAME.bpf.c and c/yardstick.h, which clang compiles when a benchmark runs.
//
//go:embed c
var FS embed.FS
