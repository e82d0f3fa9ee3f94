package devlink

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
)

// A Resource is something that a device has a limited amount of. Sizes are in units, of which "entry" is the only one.
type Resource struct {
	Name string `json:"name"`
	ID   uint64 `json:"id"`
	Size uint64 `json:"size"`
	// SizeNew is the size after the next reload; equal to Size where nothing was changed, and then not in JSON.
	SizeNew uint64 `json:"-"`
	// SizeValid reports that the children fit into the size; false only for a resource with children.
	SizeValid bool `json:"size_valid"`
	// SizeMin, SizeMax and SizeGran bound what SetResource accepts.
	SizeMin  uint64 `json:"size_min"`
	SizeMax  uint64 `json:"size_max"`
	SizeGran uint64 `json:"size_gran"`
	// Occ is how much is in use; nil where the driver does not count.
	Occ      *uint64      `json:"occ,omitempty"`
	Unit     ResourceUnit `json:"unit"`
	Children []Resource   `json:"resources,omitempty"`
}

// Unlimited is the size of a resource that has no bound.
const Unlimited = math.MaxUint64

// A units is a number of units in JSON: "unlimited" where there is no bound.
type units uint64

// MarshalJSON implements json.Marshaler.
func (u units) MarshalJSON() ([]byte, error) {
	if u == Unlimited {
		return []byte(`"unlimited"`), nil
	}
	return strconv.AppendUint(nil, uint64(u), 10), nil
}

// MarshalJSON implements json.Marshaler. Sizes without bound are "unlimited".
func (r Resource) MarshalJSON() ([]byte, error) {
	type plain Resource
	view := struct {
		plain
		Size    units  `json:"size"`
		SizeNew *units `json:"size_new,omitempty"`
		SizeMax units  `json:"size_max"`
	}{plain: plain(r), Size: units(r.Size), SizeMax: units(r.SizeMax)}
	if r.SizeNew != r.Size {
		view.SizeNew = ptr(units(r.SizeNew))
	}
	return json.Marshal(view)
}

// A ResourceUnit is what a resource's sizes count (enum devlink_resource_unit).
type ResourceUnit uint8

// ResourceEntries is the only unit there is.
const ResourceEntries ResourceUnit = 0

var resourceUnitNames = []string{"entry"}

// String returns the word of "devlink resource show".
func (u ResourceUnit) String() string { return enumString(resourceUnitNames, u) }

// MarshalText implements encoding.TextMarshaler.
func (u ResourceUnit) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// FindResource looks for a resource by its number, in the list and below. It returns it with its path of names from
// the top, "/kvd/linear", or nil.
func FindResource(list []Resource, id uint64) (*Resource, string) {
	for i := range list {
		if list[i].ID == id {
			return &list[i], "/" + list[i].Name
		}
		if r, path := FindResource(list[i].Children, id); r != nil {
			return r, "/" + list[i].Name + path
		}
	}
	return nil, ""
}

// ResourceByPath looks for a resource by its path of names, "/kvd/linear"; nil: there is none.
func ResourceByPath(list []Resource, path string) *Resource {
	name, below, deeper := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	for i := range list {
		switch {
		case list[i].Name != name:
		case deeper:
			return ResourceByPath(list[i].Children, below)
		default:
			return &list[i]
		}
	}
	return nil
}

// Resources returns the device's resources as trees.
func (c *Client) Resources(ctx context.Context, h Handle) ([]Resource, error) {
	parts, err := collect(ctx, c, &request{op: "list resources", device: h, cmd: CmdResourceDump, mode: replyMulti},
		decodeResources)
	return flatten(parts), err
}

// SetResource asks for another size, in units, from the next reload on.
func (c *Client) SetResource(ctx context.Context, h Handle, id, size uint64) error {
	return c.command(ctx, &request{
		op: fmt.Sprintf("set size of resource %d", id), device: h, cmd: CmdResourceSet,
		attrs: func(ae *netlink.AttributeEncoder) {
			ae.Uint64(attrResourceId, id)
			ae.Uint64(attrResourceSize, size)
		},
	})
}

// maxResourceDepth bounds the nesting that is followed; drivers use two levels.
const maxResourceDepth = 16

// decodeResources reads one DEVLINK_CMD_RESOURCE_DUMP message.
func decodeResources(attrs []byte) ([]Resource, error) {
	var out []Resource
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		if ad.Type() == attrResourceList {
			out = append(out, decodeResourceList(ad, maxResourceDepth)...)
		}
	})
	return out, err
}

// decodeResourceList reads the list nested in the attribute ad stands at.
func decodeResourceList(ad *netlink.AttributeDecoder, depth int) []Resource {
	var out []Resource
	if depth == 0 {
		ad.Do(func([]byte) error { return fmt.Errorf("resources nested deeper than %d", maxResourceDepth) })
		return nil
	}
	nest(ad, func(ad *netlink.AttributeDecoder) {
		if ad.Type() == attrResource {
			out = append(out, decodeResource(ad, depth))
		}
	})
	return out
}

// decodeResource reads the resource nested in the attribute ad stands at.
func decodeResource(ad *netlink.AttributeDecoder, depth int) Resource {
	r := Resource{SizeValid: true}
	changed := false
	nest(ad, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrResourceSizeNew:
			r.SizeNew, changed = ad.Uint64(), true
		case attrResourceList:
			r.Children = decodeResourceList(ad, depth-1)
		default:
			r.decodeScalar(ad)
		}
	})
	if !changed {
		r.SizeNew = r.Size
	}
	return r
}

// decodeScalar takes one attribute that is not a list.
func (r *Resource) decodeScalar(ad *netlink.AttributeDecoder) {
	switch ad.Type() {
	case attrResourceName:
		r.Name = ad.String()
	case attrResourceId:
		r.ID = ad.Uint64()
	case attrResourceSize:
		r.Size = ad.Uint64()
	case attrResourceSizeValid:
		r.SizeValid = ad.Uint8() != 0
	case attrResourceSizeMin:
		r.SizeMin = ad.Uint64()
	case attrResourceSizeMax:
		r.SizeMax = ad.Uint64()
	case attrResourceSizeGran:
		r.SizeGran = ad.Uint64()
	case attrResourceOcc:
		r.Occ = ptr(ad.Uint64())
	case attrResourceUnit:
		r.Unit = ResourceUnit(ad.Uint8())
	}
}
