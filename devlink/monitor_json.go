package devlink

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Objects lists the words for what notifications are about, which Event.Object returns.
func Objects() []string {
	return []string{"dev", "port", "region", "param", "health", "flash", "trap", "trap-group", "trap-policer", "rate", "lc", "sb"}
}

// Object returns what a notification is about, in the words of "devlink monitor", such as "port"; "" where Lost, and
// for commands that this package does not know.
func (ev Event) Object() string {
	name := strings.ToLower(ev.Command.String())
	switch {
	case ev.Lost:
		return ""
	case !strings.Contains(name, "_"):
		return "dev"
	case strings.HasPrefix(name, "trap_group"):
		return "trap-group"
	case strings.HasPrefix(name, "trap_policer"):
		return "trap-policer"
	case strings.HasPrefix(name, "port_param"):
		return "param"
	case strings.HasPrefix(name, "linecard"):
		return "lc"
	}
	word, _, _ := strings.Cut(name, "_")
	if !slices.Contains(Objects(), word) {
		return ""
	}
	return word
}

// Verb returns what happened, in the words of "devlink monitor": "new", "del", "begin", "status" and others; "lost"
// where Lost.
func (ev Event) Verb() string {
	switch {
	case ev.Lost:
		return "lost"
	case ev.Command == CmdFlashUpdate:
		return "begin"
	case ev.Command == CmdHealthReporterRecover:
		return "status"
	}
	name := strings.ToLower(ev.Command.String())
	return name[strings.LastIndexByte(name, '_')+1:]
}

// MarshalJSON implements json.Marshaler with the members of an element of "devlink -j monitor": "command", and the
// subject under the name of its kind and the device's handle.
func (ev Event) MarshalJSON() ([]byte, error) {
	out := map[string]any{"command": ev.Verb()}
	if object := ev.Object(); object != "" {
		key, subject := ev.subject()
		out[object] = map[string]any{key: subject}
	}
	return json.Marshal(out)
}

// subject returns what the event is about and the key that it has in JSON.
func (ev Event) subject() (string, any) {
	key := ev.Device.String()
	switch {
	case ev.DevLink != nil:
		return key, ev.DevLink
	case ev.Port != nil:
		return ev.Port.String(), ev.Port
	case ev.Region != nil:
		return key + "/" + ev.Region.Name, ev.Region
	case ev.Param != nil:
		return key, ev.Param
	case ev.Health != nil && ev.Health.Port != nil:
		return fmt.Sprintf("%s/%d", key, *ev.Health.Port), []*Reporter{ev.Health}
	case ev.Health != nil:
		return key, []*Reporter{ev.Health}
	case ev.Flash != nil:
		return key, ev.Flash
	case ev.Trap != nil:
		return key, ev.Trap
	case ev.Group != nil:
		return key, ev.Group
	case ev.Policer != nil:
		return key, ev.Policer
	}
	return key, struct{}{}
}
