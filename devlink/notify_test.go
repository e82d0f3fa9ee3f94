package devlink

import (
	"slices"
	"testing"
)

// TestFlashWatch reads one datagram with the notifications of two updates.
func TestFlashWatch(t *testing.T) {
	other := join(at(1, "pci"), at(2, "0000:02:00.0"))
	var seen []string
	w := flashWatch{device: testHandle, family: 0x15, progress: func(s FlashStatus) { seen = append(seen, s.Message) }}
	err := w.datagram(join(
		gen(58, 0, 0, pci), gen(60, 0, 0, pci, at(124, "one")), gen(60, 0, 0, other, at(124, "not ours")),
		gen(59, 0, 0, other), gen(7, 0, 0, pci, at(3, uint32(1))), nl(1, 0, 0),
		gen(60, 0, 0, at(0xb8, uint32(1)), pci, at(124, "two"))))
	if err != nil || !slices.Equal(seen, []string{"one", "two"}) || !w.begun || w.ended {
		t.Errorf("got %q, begun %v, ended %v, %v", seen, w.begun, w.ended, err)
	}
	if err := w.datagram(gen(59, 0, 0, pci)); err != nil || !w.ended {
		t.Errorf("after the end: ended %v, %v", w.ended, err)
	}
}

// TestDecodeEvents reads notifications of every kind in one datagram.
func TestDecodeEvents(t *testing.T) {
	b := join(
		gen(3, 0, 0, pci), gen(4, 0, 0, pci), gen(7, 0, 0, pci, at(3, uint32(1))), gen(8, 0, 0, pci, at(3, uint32(1))),
		gen(44, 0, 0, pci, at(88, "r"), at(92, uint32(4))), gen(45, 0, 0, pci, at(88, "r")),
		gen(40, 0, 0, pci, in(80, at(81, "p"))), gen(54, 0, 0, pci, in(114, at(115, "fw"))), gen(60, 0, 0, pci),
		gen(63, 0, 0, pci, at(130, "t")), gen(67, 0, 0, pci), gen(71, 0, 0, pci), gen(77, 0, 0, pci), gen(200, 0, 0, pci),
		nl(4, 0, 0), nlErr(0, 105), nlErr(0, 5), nl(0x99, 0, 0, []byte{3, 1, 0, 0}))
	events, err := decodeEvents(b, 0x15)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ev := range events {
		s := ev.Command.String()
		for name, set := range map[string]bool{
			" dev": ev.DevLink != nil, " port": ev.Port != nil, " region": ev.Region != nil, " param": ev.Param != nil,
			" health": ev.Health != nil, " flash": ev.Flash != nil, " trap": ev.Trap != nil, " group": ev.Group != nil,
			" policer": ev.Policer != nil,
		} {
			if set {
				s += name
			}
		}
		if ev.Deleted {
			s += " deleted"
		}
		if ev.Lost {
			s = "lost"
		} else if ev.Device != testHandle || len(ev.Raw) < len(pci) {
			t.Errorf("%s: got device %v and %d raw bytes", s, ev.Device, len(ev.Raw))
		}
		got = append(got, s)
	}
	want := []string{
		"NEW dev", "DEL dev deleted", "PORT_NEW port", "PORT_DEL port deleted", "REGION_NEW region",
		"REGION_DEL region deleted", "PARAM_NEW param", "HEALTH_REPORTER_RECOVER health", "FLASH_UPDATE_STATUS flash",
		"TRAP_NEW trap", "TRAP_GROUP_NEW group", "TRAP_POLICER_NEW policer", "RATE_DEL deleted", "CMD_200", "lost", "lost",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q,\nwant %q", got, want)
	}
	if _, err := decodeEvents(join(b, gen(7, 0, 0, pci, at(3, uint8(1)))), 0x15); err == nil {
		t.Error("a malformed notification was accepted")
	}
}
