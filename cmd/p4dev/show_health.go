package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/p4dev/p4dev/devlink"
)

// healthView is a reporter with what it says now.
type healthView struct {
	devlink.Reporter
	Diagnosis any   // nil: the reporter cannot say
	Err       error // why it did not say anything; nil: it did, or cannot
}

// MarshalJSON writes the reporter as it writes itself, with the member "diagnosis" behind.
func (v healthView) MarshalJSON() ([]byte, error) {
	reporter, err := json.Marshal(v.Reporter)
	if err != nil || v.Diagnosis == nil {
		return reporter, err
	}
	diagnosis, err := json.Marshal(v.Diagnosis)
	return slices.Concat(bytes.TrimSuffix(reporter, []byte("}")), []byte(`,"diagnosis":`), diagnosis, []byte("}")), err
}

func readHealth(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	reporters, err := c.Reporters(ctx, h)
	if err == nil {
		reporters, err = pickReporters(h, reporters, name)
	}
	if err != nil {
		return part{}, err
	}
	p := part{views: map[string]any{}, empty: len(reporters) == 0}
	var views []healthView
	for _, r := range reporters {
		v := healthView{Reporter: r}
		v.Diagnosis, err = c.Diagnose(ctx, h, r.Name, onPort(r.Port)...)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			v.Err = err
		}
		views = append(views, v)
		key := reporterKey(h, r)
		list, _ := p.views[key].([]healthView)
		p.views[key] = append(list, v)
	}
	p.text = func(w io.Writer) error { return textHealth(w, views) }
	return p, nil
}

// pickReporters returns the reporters of a name, of the device and of its ports; all with "".
func pickReporters(h devlink.Handle, list []devlink.Reporter, name string) ([]devlink.Reporter, error) {
	if name == "" {
		return list, nil
	}
	list = slices.DeleteFunc(slices.Clone(list), func(r devlink.Reporter) bool { return r.Name != name })
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no health reporter %q: %w", h, name, errMissing)
	}
	return list, nil
}

// onPort is the port of a reporter or region as the client takes it: none for a device's.
func onPort(port *uint32) []uint32 {
	if port == nil {
		return nil
	}
	return []uint32{*port}
}

// reporterKey is under what a reporter stands in JSON: the handle, with the port's number behind it.
func reporterKey(h devlink.Handle, r devlink.Reporter) string {
	if r.Port == nil {
		return h.String()
	}
	return fmt.Sprintf("%s/%d", h, *r.Port)
}

func textHealth(w io.Writer, views []healthView) error {
	for _, r := range views {
		where := ""
		if r.Port != nil {
			where = fmt.Sprintf("port %d ", *r.Port)
		}
		fmt.Fprintf(w, "%s%s: %s, %d errors, %d recoveries", where, r.Name, r.State, r.Errors, r.Recoveries)
		if r.LastDump != nil {
			fmt.Fprintf(w, ", dump of %s", r.LastDump.Format("2006-01-02 15:04:05"))
		}
		if r.GracePeriod != nil {
			fmt.Fprintf(w, ", grace period %v", *r.GracePeriod)
		}
		if r.AutoRecover != nil && !*r.AutoRecover {
			fmt.Fprint(w, ", does not recover by itself")
		}
		fmt.Fprintln(w)
		if r.Err != nil {
			fmt.Fprintf(w, "  no diagnosis: %v\n", r.Err)
		}
		textValue(w, "  ", r.Diagnosis)
	}
	return nil
}

// textValue writes what a reporter says: a message with its members, or a list.
func textValue(w io.Writer, indent string, v any) {
	switch v := v.(type) {
	case nil:
	case devlink.Message:
		textMessage(w, indent, v)
	case []any:
		for _, e := range v {
			textItem(w, indent, e)
		}
	default:
		fmt.Fprintf(w, "%s%v\n", indent, v)
	}
}

// textItem writes an element of a list.
func textItem(w io.Writer, indent string, v any) {
	m, ok := v.(devlink.Message)
	if !ok {
		textValue(w, indent, v)
		return
	}
	fmt.Fprintf(w, "%s-\n", indent)
	textMessage(w, indent+"  ", m)
}

// textMessage writes a reporter's message, what is nested in it further to the right.
func textMessage(w io.Writer, indent string, m devlink.Message) {
	for _, member := range m {
		switch member.Value.(type) {
		case devlink.Message, []any:
			fmt.Fprintf(w, "%s%s:\n", indent, member.Name)
			textValue(w, indent+"  ", member.Value)
		default:
			fmt.Fprintf(w, "%s%s: %v\n", indent, member.Name, member.Value)
		}
	}
}
