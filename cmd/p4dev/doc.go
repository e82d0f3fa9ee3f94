// Command p4dev manages P4-programmable network devices from the host: it builds and checks packages, loads
// them through devlink, shows what a device advertises, and runs the same program in eBPF for every packet
// that the hardware hands over.
//
// Each command parses its flags, calls one library function and renders the result: text for people, one
// JSON value with -j. Results go to standard output, everything else to standard error. The exit status is
// 0 done, 1 failed, 2 nothing to do, 3 not found; "diff" and "compat" have the statuses of diff.
package main
