package pipeline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// CheckEntry reports everything that is wrong with an entry, before a target is asked to take it: the matches
// against the table's key, the priority, and what a hit runs. Nil means that the entry fits the table; there
// may still be no room, or another such entry. Nothing is allocated then.
//
// The error wraps ErrBadMatch, ErrBadRange, ErrNoPriority, ErrNoAction and ErrBadAction as they apply.
func CheckEntry(e *Entry) error {
	if e == nil || e.Table == nil {
		return fmt.Errorf("pipeline: check entry: %w", ErrNoTable)
	}
	return report(e, checkRest(checkMatches(nil, e), e))
}

// CheckRest is CheckEntry without the matches: for those who have seen that these are right while they wrote them.
func CheckRest(e *Entry) error { return report(e, checkRest(nil, e)) }

// report makes one error of what is wrong with an entry.
func report(e *Entry, errs []error) error {
	if errs == nil {
		return nil
	}
	return fmt.Errorf("pipeline: check entry of table %s: %w", e.Table.Name, errors.Join(errs...))
}

func checkRest(errs []error, e *Entry) []error {
	errs = checkPriority(errs, e)
	errs = checkResult(errs, e)
	if e.IdleTimeout < 0 {
		errs = append(errs, fmt.Errorf("idle timeout %v: %w", e.IdleTimeout, ErrBadRange))
	}
	if e.IdleTimeout > 0 && !e.Table.SupportTimeout {
		errs = append(errs, fmt.Errorf("idle timeout in a table without timeouts: %w", ErrBadRange))
	}
	if e.SkipSW && e.SkipHW {
		errs = append(errs, fmt.Errorf("entry for neither software nor hardware: %w", ErrBadRange))
	}
	return errs
}

// CheckDefault reports what is wrong with an action and its arguments as default action of a table. The error wraps
// ErrNoAction or ErrBadAction and ErrBadRange, and ErrImmutable where the default action is constant. A nil call, which
// stands for the program's own, is always right.
func CheckDefault(t *Table, call *ActionCall) error {
	if call == nil {
		return nil
	}
	errs := checkCall(nil, t, call)
	if t.DefaultConst {
		errs = append(errs, fmt.Errorf("constant default action: %w", ErrImmutable))
	}
	if scope(t, call.Action) == ScopeTable {
		errs = append(errs, fmt.Errorf("action %s is for entries only: %w", call.Action.Name, ErrBadAction))
	}
	if errs == nil {
		return nil
	}
	return fmt.Errorf("pipeline: check default action of table %s: %w", t.Name, errors.Join(errs...))
}

// CheckMember reports what is wrong with a member of an action profile. Tables that share a profile have the
// same actions, so the first of them decides.
func CheckMember(p *ActionProfile, m *Member) error {
	if len(p.Tables) == 0 {
		return fmt.Errorf("pipeline: check member %d of %s: no table uses the profile: %w", m.ID, p.Name, ErrNoAction)
	}
	if errs := checkCall(nil, p.Tables[0], m.Call); errs != nil {
		return fmt.Errorf("pipeline: check member %d of %s: %w", m.ID, p.Name, errors.Join(errs...))
	}
	return nil
}

func checkMatches(errs []error, e *Entry) []error {
	keys := e.Table.Keys
	if len(keys) == 0 {
		return append(errs, fmt.Errorf("table has no key, only a default action: %w", ErrBadMatch))
	}
	if len(e.Match) != len(keys) {
		return append(errs, fmt.Errorf("%d matches for a key of %d components: %w", len(e.Match), len(keys), ErrBadMatch))
	}
	for i := range e.Match {
		if err := checkMatch(keys[i], &e.Match[i]); err != nil {
			errs = append(errs, fmt.Errorf("key %s (%v, %d bits): %w", keys[i].Name, keys[i].Kind, keys[i].Width, err))
		}
	}
	return errs
}

// Number returns the number that at most 8 bytes are, big-endian.
func Number(b []byte) uint64 {
	switch n := len(b); {
	case n == 8:
		return binary.BigEndian.Uint64(b)
	case n >= 4: // two halves, which may overlap
		return uint64(binary.BigEndian.Uint32(b))<<(8*(n-4)) | uint64(binary.BigEndian.Uint32(b[n-4:]))
	case n >= 2:
		return uint64(binary.BigEndian.Uint16(b))<<(8*(n-2)) | uint64(binary.BigEndian.Uint16(b[n-2:]))
	case n == 1:
		return uint64(b[0])
	}
	return 0
}

// checkMatch returns the first thing wrong with one component.
func checkMatch(k *Key, m *Match) error {
	if err := checkBytes(m.Value, k.Width, "value"); err != nil {
		return err
	}
	switch k.Kind {
	case MatchExact, MatchValid:
		return noMore(m, false, false, false)
	case MatchLPM:
		return checkPrefix(k, m)
	case MatchTernary:
		return checkTernary(k, m)
	case MatchOptional:
		return checkOptional(k, m)
	case MatchRange:
		return checkRange(k, m)
	}
	return fmt.Errorf("match kind %d: %w", int(k.Kind), ErrBadMatch)
}

// noMore reports parts of a match that its kind has no use for.
func noMore(m *Match, mask, prefix, high bool) error {
	switch {
	case !mask && m.Mask != nil:
		return fmt.Errorf("a mask: %w", ErrBadMatch)
	case !prefix && m.Prefix != 0:
		return fmt.Errorf("a prefix length: %w", ErrBadMatch)
	case !high && m.High != nil:
		return fmt.Errorf("a highest value: %w", ErrBadMatch)
	}
	return nil
}

func checkPrefix(k *Key, m *Match) error {
	if err := noMore(m, false, true, false); err != nil {
		return err
	}
	if m.Prefix < 0 || m.Prefix > k.Width {
		return fmt.Errorf("prefix length %d: %w", m.Prefix, ErrBadRange)
	}
	free := k.Width - m.Prefix // bits behind the prefix, all in the last bytes
	for i := len(m.Value) - 1; free > 0; i-- {
		if n := min(free, 8); m.Value[i]&byte(1<<n-1) != 0 {
			return fmt.Errorf("bits behind the prefix of %d are set: %w", m.Prefix, ErrBadMatch)
		}
		free -= 8
	}
	return nil
}

func checkTernary(k *Key, m *Match) error {
	if err := noMore(m, true, false, false); err != nil {
		return err
	}
	if err := checkBytes(m.Mask, k.Width, "mask"); err != nil {
		return err
	}
	for i, b := range m.Value {
		if b&^m.Mask[i] != 0 {
			return fmt.Errorf("bits outside of the mask are set: %w", ErrBadMatch)
		}
	}
	return nil
}

func checkOptional(k *Key, m *Match) error {
	if err := checkTernary(k, m); err != nil {
		return err
	}
	if !allZero(m.Mask) && !allOnes(m.Mask, k.Width) {
		return fmt.Errorf("a mask that is neither all ones nor all zeros: %w", ErrBadMatch)
	}
	return nil
}

func checkRange(k *Key, m *Match) error {
	if err := noMore(m, false, false, true); err != nil {
		return err
	}
	if err := checkBytes(m.High, k.Width, "highest value"); err != nil {
		return err
	}
	if bytes.Compare(m.Value, m.High) > 0 {
		return fmt.Errorf("the lowest value is above the highest: %w", ErrBadMatch)
	}
	return nil
}

// checkBytes reports a number that does not have the bytes for its width, or more bits.
func checkBytes(b []byte, width int, what string) error {
	if len(b) != (width+7)/8 {
		return fmt.Errorf("%s of %d bytes, want %d: %w", what, len(b), (width+7)/8, ErrBadMatch)
	}
	if rest := width % 8; rest != 0 && b[0]>>rest != 0 {
		return fmt.Errorf("%s 0x%x: %w", what, b, ErrBadRange)
	}
	return nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// allOnes reports whether the low width bits of b, which are all it may have, are set.
func allOnes(b []byte, width int) bool {
	for i, c := range b {
		want := byte(0xff)
		if i == 0 && width%8 != 0 {
			want = 1<<(width%8) - 1
		}
		if c != want {
			return false
		}
	}
	return true
}

// NeedsPriority reports whether the table's entries carry a priority: where a key is ternary, optional or
// range.
func (t *Table) NeedsPriority() bool {
	for _, k := range t.Keys {
		if k.Kind.NeedsPriority() {
			return true
		}
	}
	return false
}

func checkPriority(errs []error, e *Entry) []error {
	if e.Table.NeedsPriority() {
		if e.Priority <= 0 {
			return append(errs, fmt.Errorf("priority %d: %w", e.Priority, ErrNoPriority))
		}
		return errs
	}
	if e.Priority != 0 {
		return append(errs, fmt.Errorf("priority %d in a table that has none: %w", e.Priority, ErrBadRange))
	}
	return errs
}

// checkResult checks what a hit runs.
func checkResult(errs []error, e *Entry) []error {
	p := e.Table.Profile
	if p == nil {
		if e.Member != nil || e.Group != nil {
			errs = append(errs, fmt.Errorf("a member or group in a table without action profile: %w", ErrBadAction))
		}
		return checkEntryCall(errs, e)
	}
	switch {
	case e.Call != nil:
		errs = append(errs, fmt.Errorf("an action in a table with action profile %s: %w", p.Name, ErrBadAction))
	case (e.Member == nil) == (e.Group == nil):
		errs = append(errs, fmt.Errorf("want either a member or a group of %s: %w", p.Name, ErrBadAction))
	case e.Group != nil && p.Selector == nil:
		errs = append(errs, fmt.Errorf("a group, and %s has no selector: %w", p.Name, ErrBadAction))
	}
	return errs
}

func checkEntryCall(errs []error, e *Entry) []error {
	errs = checkCall(errs, e.Table, e.Call)
	if e.Call != nil && scope(e.Table, e.Call.Action) == ScopeDefault {
		errs = append(errs, fmt.Errorf("action %s is a default action only: %w", e.Call.Action.Name, ErrBadAction))
	}
	return errs
}

func checkCall(errs []error, t *Table, call *ActionCall) []error {
	if call == nil || call.Action == nil {
		return append(errs, fmt.Errorf("no action: %w", ErrBadAction))
	}
	a := call.Action
	if actionIndex(t, a) < 0 {
		return append(errs, fmt.Errorf("action %s: %w", a.Name, ErrNoAction))
	}
	if len(call.Args) != len(a.Params) {
		return append(errs, fmt.Errorf("action %s: %d arguments, want %d: %w", a.Name, len(call.Args), len(a.Params), ErrBadAction))
	}
	for i, p := range a.Params {
		arg := call.Args[i]
		if len(arg) != (p.Width+7)/8 {
			errs = append(errs, fmt.Errorf("action %s: argument %s of %d bytes, want %d: %w",
				a.Name, p.Name, len(arg), (p.Width+7)/8, ErrBadAction))
		} else if rest := p.Width % 8; rest != 0 && arg[0]>>rest != 0 {
			errs = append(errs, fmt.Errorf("action %s: argument %s: 0x%x does not fit into %d bits: %w",
				a.Name, p.Name, arg, p.Width, ErrBadRange))
		}
	}
	return errs
}

// actionIndex returns the place of a in t.Actions, or -1.
func actionIndex(t *Table, a *Action) int {
	for i, other := range t.Actions {
		if other == a {
			return i
		}
	}
	return -1
}

// scope returns where t may use a.
func scope(t *Table, a *Action) ActionScope {
	if i := actionIndex(t, a); i >= 0 && i < len(t.Scopes) {
		return t.Scopes[i]
	}
	return ScopeAny
}
