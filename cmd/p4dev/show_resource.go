package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/p4dev/p4dev/devlink"
)

// resourceView is a resource with the tables that draw from it.
type resourceView struct {
	devlink.Resource
	Path     string
	Tables   []string
	Children []resourceView
}

func readResources(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	resources, err := c.Resources(ctx, h)
	if err != nil {
		return part{}, err
	}
	above := ""
	if name != "" {
		above = strings.TrimSuffix("/"+strings.TrimPrefix(name, "/"), "/"+path.Base(name))
		r := devlink.ResourceByPath(resources, name)
		if r == nil {
			return part{}, fmt.Errorf("%s has no resource %q: %w", h, name, errMissing)
		}
		resources = []devlink.Resource{*r}
	}
	tables, err := c.DpipeTables(ctx, h)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return part{}, err
	}
	views := resourceViews(above, resources, tables)
	return listed(h, views, "", nil, textResources)
}

// resourceViews makes views of resources whose paths begin with the path of what is above them.
func resourceViews(above string, list []devlink.Resource, tables []devlink.DpipeTable) []resourceView {
	var views []resourceView
	for _, r := range list {
		v := resourceView{Resource: r, Path: above + "/" + r.Name}
		v.Children = resourceViews(v.Path, r.Children, tables)
		for _, t := range tables {
			if t.ResourceID != nil && *t.ResourceID == r.ID {
				v.Tables = append(v.Tables, t.Name)
			}
		}
		views = append(views, v)
	}
	return views
}

// MarshalJSON writes the resource as devlink shows it, with the tables that draw from it.
func (v resourceView) MarshalJSON() ([]byte, error) {
	type name struct {
		Name string `json:"table_name"`
	}
	tables := []name{}
	for _, t := range v.Tables {
		tables = append(tables, name{t})
	}
	own := v.Resource
	own.Children = nil
	plain, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	rest, err := json.Marshal(struct {
		Path     string         `json:"resource_path"`
		Tables   []name         `json:"dpipe_tables"`
		Children []resourceView `json:"resources,omitempty"`
	}{v.Path, tables, v.Children})
	return append(append(plain[:len(plain)-1], ','), rest[1:]...), err
}

func textResources(w io.Writer, list []resourceView) error {
	var rows [][]string
	var add func(list []resourceView)
	add = func(list []resourceView) {
		for _, r := range list {
			occ, size := "-", unitsText(r.Size)
			if r.Occ != nil {
				occ = fmt.Sprint(*r.Occ)
			}
			if r.SizeNew != r.Size {
				size += ", " + unitsText(r.SizeNew) + " after reload"
			}
			rows = append(rows, []string{r.Path, size, occ, r.Unit.String(), bounds(r.Resource)})
			add(r.Children)
		}
	}
	add(list)
	return table(w, "RESOURCE SIZE USED UNIT BOUNDS", rows)
}

// unitsText is a size in words.
func unitsText(n uint64) string {
	if n == devlink.Unlimited {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

// bounds says which sizes a resource can have.
func bounds(r devlink.Resource) string {
	if r.SizeMin == r.SizeMax {
		return "-"
	}
	text := fmt.Sprintf("%d..%s", r.SizeMin, unitsText(r.SizeMax))
	if r.SizeGran > 1 {
		text += fmt.Sprintf(" by %d", r.SizeGran)
	}
	return text
}
