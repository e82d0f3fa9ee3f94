package bmv2_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	p4configv1 "github.com/p4lang/p4runtime/go/p4/config/v1"
	"google.golang.org/protobuf/proto"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// router returns the JSON and P4Info of l3router.
func router(t testing.TB) ([]byte, []byte) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(ownPrograms, "l3router.json"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.ReadFile(filepath.Join(ownPrograms, "l3router.p4info.txtpb"))
	if err != nil {
		t.Fatal(err)
	}
	return data, info
}

func TestReadP4Info(t *testing.T) {
	_, text := router(t)
	info, err := bmv2.ReadP4Info(text)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := proto.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	again, err := bmv2.ReadP4Info(binary)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(info, again) {
		t.Error("text and binary form differ")
	}
	for name, data := range map[string][]byte{
		"cut text":    text[:len(text)/2],
		"cut binary":  binary[:len(binary)-1],
		"other thing": []byte("tables { preamble"),
		"zeros":       make([]byte, 8),
	} {
		if _, err := bmv2.ReadP4Info(data); !errors.Is(err, bmv2.ErrSyntax) {
			t.Errorf("%s: got %v, want ErrSyntax", name, err)
		}
	}
	if info, err := bmv2.ReadP4Info(nil); err != nil || len(info.GetTables()) != 0 {
		t.Errorf("nothing: got %v, %v", info, err)
	}
}

func TestOpenWithoutP4Info(t *testing.T) {
	data, _ := router(t)
	p, err := bmv2.Open(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lpm := table(t, p, "ipv4_lpm"); lpm.ID == 0 || lpm.Alias != "" {
		t.Errorf("id %#x, alias %q", lpm.ID, lpm.Alias)
	}
}

func TestApplyErrors(t *testing.T) {
	data, text := router(t)
	tests := []struct {
		name string
		edit func(*p4configv1.P4Info)
		path string
		want error
	}{
		{"no common table", func(i *p4configv1.P4Info) {
			for _, t := range i.Tables {
				t.Preamble.Name += "_"
			}
		}, "/tables", bmv2.ErrMismatch},
		{"key missing", func(i *p4configv1.P4Info) { i.Tables[0].MatchFields = i.Tables[0].MatchFields[1:] }, "/tables/0", bmv2.ErrMismatch},
		{"key width", func(i *p4configv1.P4Info) { i.Tables[0].MatchFields[1].Bitwidth = 47 },
			"/tables/0/match_fields/1", bmv2.ErrWidth},
		{"key kind", func(i *p4configv1.P4Info) {
			i.Tables[0].MatchFields[0].Match = &p4configv1.MatchField_MatchType_{MatchType: p4configv1.MatchField_LPM}
		}, "/tables/0/match_fields/0", bmv2.ErrMismatch},
		{"action id", func(i *p4configv1.P4Info) { i.Tables[0].ActionRefs[0].Id = 1 }, "/tables/0", bmv2.ErrUnknown},
		{"foreign action", func(i *p4configv1.P4Info) { i.Tables[0].ActionRefs[0].Id = i.Tables[3].ActionRefs[0].Id },
			"/tables/0", bmv2.ErrUnknown},
		{"counter", func(i *p4configv1.P4Info) { i.DirectCounters[0].Preamble.Name = "c" }, "/direct_counters/0", bmv2.ErrUnknown},
		{"direct", func(i *p4configv1.P4Info) {
			i.Counters = append(i.Counters, &p4configv1.Counter{Preamble: i.DirectCounters[0].Preamble})
		}, "/counters/0", bmv2.ErrMismatch},
		{"register", func(i *p4configv1.P4Info) {
			i.Registers = append(i.Registers, &p4configv1.Register{Preamble: &p4configv1.Preamble{Name: "r"}})
		}, "/registers/0", bmv2.ErrUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := bmv2.Import(data)
			if err != nil {
				t.Fatal(err)
			}
			info, err := bmv2.ReadP4Info(text)
			if err != nil {
				t.Fatal(err)
			}
			tt.edit(info)
			err = bmv2.Apply(p, info)
			if err == nil {
				t.Fatal("no error")
			}
			got := findings(t, err)
			if got[0].Path != tt.path || !errors.Is(got[0], tt.want) {
				t.Errorf("got %v, want %v at %s", err, tt.want, tt.path)
			}
		})
	}
}

func TestScopes(t *testing.T) {
	data, text := router(t)
	p, err := bmv2.Import(data)
	if err != nil {
		t.Fatal(err)
	}
	info, err := bmv2.ReadP4Info(text)
	if err != nil {
		t.Fatal(err)
	}
	info.Tables[1].ActionRefs[2].Scope = p4configv1.ActionRef_DEFAULT_ONLY
	if err := bmv2.Apply(p, info); err != nil {
		t.Fatal(err)
	}
	lpm := table(t, p, info.Tables[1].Preamble.Name)
	if len(lpm.Scopes) != 3 || lpm.Scopes[2] != pipeline.ScopeDefault || lpm.Scopes[0] != pipeline.ScopeAny {
		t.Errorf("scopes %v", lpm.Scopes)
	}
	if _, err := pipeline.ParseEntry(p, lpm.Name, nil, lpm.Actions[2].Name, nil, 0); !errors.Is(err, pipeline.ErrBadAction) {
		t.Errorf("a default action in an entry: got %v", err)
	}
}

func FuzzReadP4Info(f *testing.F) {
	_, text := router(f)
	f.Add(text)
	if info, err := bmv2.ReadP4Info(text); err == nil {
		if data, err := proto.Marshal(info); err == nil {
			f.Add(data)
		}
	}
	data, _ := router(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		info, err := bmv2.ReadP4Info(text)
		if err != nil {
			return
		}
		p, err := bmv2.Import(data)
		if err != nil {
			t.Fatal(err)
		}
		_ = bmv2.Apply(p, info)
	})
}
