package devlink_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	mdlink "github.com/mdlayher/devlink"

	"github.com/p4dev/p4dev/devlink"
)

// kernel returns a client of this machine's kernel, or skips.
func kernel(t *testing.T) *devlink.Client {
	t.Helper()
	c, err := devlink.Dial(t.Context())
	if err == nil {
		t.Cleanup(func() { c.Close() })
		return c
	}
	if !errors.Is(err, devlink.ErrNoDevlink) || !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
	required := slices.Contains(strings.Split(os.Getenv("P4DEV_TEST_REQUIRE"), ","), "devlink")
	if required {
		t.Fatal(err)
	}
	t.Skip(err)
	return nil
}

// TestKernelAgreement compares devices and ports with what github.com/mdlayher/devlink finds.
func TestKernelAgreement(t *testing.T) {
	c := kernel(t)
	reference, err := mdlink.New()
	if err != nil {
		t.Fatal(err)
	}
	defer reference.Close()

	wantDevices, err := reference.Devices()
	if err != nil {
		t.Fatal(err)
	}
	devices, err := c.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	agree(t, "device", wantDevices, devices, devlink.Device.Summary)

	wantPorts, err := reference.Ports()
	if err != nil {
		t.Fatal(err)
	}
	ports, err := c.Ports(t.Context(), devlink.Handle{})
	if err != nil {
		t.Fatal(err)
	}
	agree(t, "port", wantPorts, ports, devlink.Port.Summary)
}

// agree compares two lists regardless of order.
func agree[R comparable, T any](t *testing.T, what string, want []*R, got []T, summary func(T) R) {
	t.Helper()
	var left, right []string
	for _, w := range want {
		left = append(left, fmt.Sprintf("%+v", *w))
	}
	for _, g := range got {
		right = append(right, fmt.Sprintf("%+v", summary(g)))
	}
	slices.Sort(left)
	slices.Sort(right)
	if !slices.Equal(left, right) {
		t.Errorf("%ss: got %v, want %v", what, right, left)
	}
}
