package devlink

import (
	"encoding/json"
	"strconv"
)

// MarshalJSON implements json.Marshaler: the members of "devlink -j port show", "type" as a word among them.
func (p Port) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil) }

// AppendJSON appends what MarshalJSON returns: a device may have thousands of ports, and reflection would take longer
// than their dump.
func (p *Port) AppendJSON(b []byte) ([]byte, error) {
	o := jsonObject(append(b, '{'))
	o.number("index", uint64(p.Index))
	o.text("netdev", p.NetDev)
	appendNumber(&o, "ifindex", &p.IfIndex, p.IfIndex != 0)
	o.text("ibdev", p.IBDev)
	if p.Flavour != nil {
		o.text("flavour", p.Flavour.String())
	}
	appendNumber(&o, "port", p.Number, p.Number != nil)
	appendNumber(&o, "pfnum", p.PF, p.PF != nil)
	appendNumber(&o, "vfnum", p.VF, p.VF != nil)
	appendNumber(&o, "sfnum", p.SF, p.SF != nil)
	appendNumber(&o, "controller", p.Controller, p.Controller != nil)
	if p.External {
		o.bool("external", true)
	}
	appendNumber(&o, "split_group", p.SplitGroup, p.SplitGroup != nil)
	appendNumber(&o, "subport", p.SubPort, p.SubPort != nil)
	appendNumber(&o, "lanes", &p.Lanes, p.Lanes != 0)
	if p.Splittable != nil {
		o.bool("splittable", *p.Splittable)
	}
	if p.Function != nil {
		function, err := json.Marshal(p.Function)
		if err != nil {
			return b, err
		}
		o = append(o.name("function"), function...)
	}
	o.text("type", enumString(portTypeNames, uint16(p.Type)))
	return append(o, '}'), nil
}

// jsonObject is a JSON object under construction: what was there before it, its brace, and members.
type jsonObject []byte

// name appends a member's name, which needs no escapes.
func (o *jsonObject) name(name string) jsonObject {
	if b := *o; b[len(b)-1] != '{' {
		*o = append(b, ',')
	}
	*o = append(append(append(*o, '"'), name...), '"', ':')
	return *o
}

func (o *jsonObject) number(name string, v uint64) { *o = strconv.AppendUint(o.name(name), v, 10) }

func (o *jsonObject) bool(name string, v bool) { *o = strconv.AppendBool(o.name(name), v) }

// text appends a member unless it is empty.
func (o *jsonObject) text(name, v string) {
	if v == "" {
		return
	}
	for i := range len(v) {
		if c := v[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(v) // of a string it cannot fail
			*o = append(o.name(name), quoted...)
			return
		}
	}
	*o = append(append(append(o.name(name), '"'), v...), '"')
}

// appendNumber appends a member if it is there.
func appendNumber[T ~uint16 | ~uint32](o *jsonObject, name string, v *T, there bool) {
	if there {
		o.number(name, uint64(*v))
	}
}
