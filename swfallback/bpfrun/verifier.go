package bpfrun

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// VerifierError is the kernel's refusal of a program. Error is one line; %+v prints the whole log behind it.
type VerifierError struct {
	Program     string          // name of the program
	Source      pipeline.Source // place in the P4 program; zero when not known
	Slot        int             // instruction that was refused, in slots of 8 bytes; -1 when the log names none
	Instruction string          // its text, ""
	Reason      string          // the verifier's last words
	Log         []string        // lines
	Err         error           // the error of the system call
}

// Error returns "PLACE: program NAME, instruction SLOT (TEXT): REASON: CAUSE" with what is known.
func (e *VerifierError) Error() string {
	var b strings.Builder
	if place := e.Source.String(); place != "" {
		fmt.Fprintf(&b, "%s: ", place)
	}
	fmt.Fprintf(&b, "verify program %s", e.Program)
	if e.Slot >= 0 {
		fmt.Fprintf(&b, ", instruction %d (%s)", e.Slot, e.Instruction)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

// Unwrap returns the error of the system call.
func (e *VerifierError) Unwrap() error { return e.Err }

// Format implements fmt.Formatter: %+v prints the log, everything else what Error returns.
func (e *VerifierError) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		fmt.Fprintf(f, "%q", e.Error())
		return
	}
	io.WriteString(f, e.Error())
	if verb != 'v' || !f.Flag('+') {
		return
	}
	for _, line := range e.Log {
		fmt.Fprintf(f, "\n\t%s", line)
	}
}

// logInstruction is how the verifier prints an instruction: "12: (71) r2 = *(u8 *)(r1 +0)".
var logInstruction = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d+): \([0-9a-f]{2}\) (.*)$`)
})

// explainLoad turns the loader's error into a VerifierError where it is one.
func explainLoad(spec *ebpf.CollectionSpec, err error, at Locator) error {
	var refused *ebpf.VerifierError
	if !errors.As(err, &refused) {
		return err
	}
	e := &VerifierError{Program: programInError(spec, err), Slot: -1, Log: refused.Log, Err: refused.Cause}
	for i, line := range slices.Backward(refused.Log) {
		if match := logInstruction().FindStringSubmatch(line); match != nil {
			e.Slot, _ = strconv.Atoi(match[1])
			e.Instruction, _, _ = strings.Cut(match[2], " ; ")
			e.Reason = reason(refused.Log[i+1:])
			break
		}
	}
	if e.Reason == "" {
		e.Reason = reason(refused.Log)
	}
	if at != nil && e.Slot >= 0 {
		e.Source = at(e.Program, e.Slot)
	}
	return e
}

// reason returns the last line that says something: behind it come only statistics.
func reason(log []string) string {
	for _, line := range slices.Backward(log) {
		line = strings.TrimSpace(line)
		statistics := strings.HasPrefix(line, "processed ") || strings.HasPrefix(line, "verification time") ||
			strings.HasPrefix(line, "stack depth")
		if line != "" && !statistics {
			return line
		}
	}
	return ""
}

// programInError finds which program an error of the loader is about: it names it in its text, "program NAME:".
func programInError(spec *ebpf.CollectionSpec, err error) string {
	for name := range spec.Programs {
		if strings.Contains(err.Error(), "program "+name+":") {
			return name
		}
	}
	return ""
}
