// Package p4 embeds p4dev's own P4 programs with their compiled forms, so that the demonstration and the
// tests need no files beside the binary. README.md in this folder says what each program covers.
package p4

import "embed"

// FS holds NAME.p4, NAME.json (BMv2 JSON), NAME.p4info.txtpb (P4Info as text) and the packet tests
// NAME.stf, NAME_cli.stf and NAME.cli, for the programs in this folder and in features/.
//
//go:embed *.p4 *.json *.p4info.txtpb *.stf *.cli features
var FS embed.FS
