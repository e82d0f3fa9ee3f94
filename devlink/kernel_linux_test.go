package devlink_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	mdlink "github.com/mdlayher/devlink"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/contract"
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

// TestKernelContract holds a device of this machine's kernel to the contract. P4DEV_TEST_DEVLINK names it; without, the
// first device there is is only read. What may be changed on the named one is asked for item by item:
//
//	P4DEV_TEST_DEVLINK=netdevsim/netdevsim1
//	P4DEV_TEST_DEVLINK_SNAPSHOT=dummy         region of which a snapshot may be taken
//	P4DEV_TEST_DEVLINK_COUNTERS=l2            dpipe table whose counters may be switched
//	P4DEV_TEST_DEVLINK_FLASH=l2.p4fw          file that may be flashed, under the firmware search path
//	P4DEV_TEST_DEVLINK_RELOAD=driver_reinit   action with which it may be reloaded
func TestKernelContract(t *testing.T) {
	c := kernel(t)
	var want contract.Expectation
	if name := os.Getenv("P4DEV_TEST_DEVLINK"); name != "" {
		if err := want.Device.UnmarshalText([]byte(name)); err != nil {
			t.Fatal(err)
		}
		want.Snapshots = os.Getenv("P4DEV_TEST_DEVLINK_SNAPSHOT")
		want.Counters = os.Getenv("P4DEV_TEST_DEVLINK_COUNTERS")
		if file := os.Getenv("P4DEV_TEST_DEVLINK_FLASH"); file != "" {
			want.Flash = &contract.Flash{Request: devlink.FlashRequest{File: file}, Statuses: 1}
		}
		if action := os.Getenv("P4DEV_TEST_DEVLINK_RELOAD"); action != "" {
			want.Reload = new(devlink.ReloadRequest)
			if err := want.Reload.Action.UnmarshalText([]byte(action)); err != nil {
				t.Fatal(err)
			}
		}
	} else {
		devices, err := c.Devices(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(devices) == 0 {
			t.Skip("the kernel has no devlink device")
		}
		want.Device = devices[0].Handle
	}
	contract.Run(t, func(ctx context.Context) (*devlink.Client, error) { return devlink.Dial(ctx) }, want)
}
