// Package parity compares what "devlink -j" of iproute2 says of a device with what "p4dev -j" says, member by member.
//
// [Queries] lists the commands of both programs that say the same of a device; whoever runs them gives the outputs to
// [Compare], which returns the differences. [Known] are those that are meant, each with the reason; docs/devlink.md has
// the same list for people. What is left after them is a fault in p4dev, in devlink or in the list.
//
//	theirs, _ := exec.Command("devlink", q.Devlink...).Output()
//	ours, _ := exec.Command("p4dev", q.P4dev...).Output()
//	differences, err := parity.Compare(theirs, ours)
//	faults := parity.Unknown(differences)
//
// It is for tests: of the simulation where there is no devlink in the kernel, and of a real kernel in a virtual machine.
package parity
