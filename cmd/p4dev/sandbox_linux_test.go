package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// sandbox is the environment variable that the tests find their folder for temporary files in, once they run in
// namespaces of their own.
const sandbox = "P4DEV_TEST_SANDBOX"

// runTests runs the tests in network, mount and process namespaces of their own, where that is allowed: the devices
// they make have no name outside, and nothing of them outlives the process, even when it is killed. Inside, it also
// looks at what the tests left behind. Tests of the kernel's own devices have to see them, and stay outside.
func runTests(m *testing.M) int {
	if dir := os.Getenv(sandbox); dir != "" {
		return runInside(m, dir)
	}
	if os.Geteuid() != 0 || os.Getenv(deviceEnv) != "" { // the kernel's devices are in its first network namespace
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "p4dev-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	runtime.LockOSThread() // the parent of Pdeathsig is a thread
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), sandbox+"="+dir, "TMPDIR="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "no namespaces for the tests: %v\n", err)
		return m.Run()
	}
	var exit *exec.ExitError
	switch err := cmd.Wait(); {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	default:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
}

// runInside makes the namespaces usable, runs the tests, and fails where something is left.
func runInside(m *testing.M, tmp string) int {
	if err := furnish(); err != nil {
		fmt.Fprintf(os.Stderr, "set up namespaces: %v\n", err)
		return 1
	}
	code := m.Run()
	if left := leftBehind(tmp); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "left behind by the tests:\n  %s\n", strings.Join(left, "\n  "))
		return 1
	}
	return code
}

func furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, m := range []struct{ kind, at string }{{"proc", "/proc"}, {"bpf", "/sys/fs/bpf"}, {"tmpfs", "/run"}} {
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s at %s: %w", m.kind, m.at, err)
		}
	}
	// Neighbour discovery would show among the frames of the tests.
	err := os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}

// needSandbox skips a test that makes devices unless it may.
func needSandbox(t *testing.T) {
	t.Helper()
	bpftest.Require(t, "root", "bpf", "netns")
	if os.Getenv(sandbox) != "" {
		return
	}
	if must := strings.Split(os.Getenv(bpftest.RequireVariable), ","); slices.Contains(must, "netns") {
		t.Fatal("the tests got no namespaces of their own")
	}
	t.Skip("needs namespaces of its own")
}

// leftBehind lists what is there and should not be, after waiting a moment for what the kernel takes away later.
func leftBehind(tmp string) []string {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := slices.Concat(leftFiles(tmp), leftDevices(), leftProcesses())
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

// leftFiles looks for temporary files, pins, named namespaces and files below /run.
func leftFiles(tmp string) (left []string) {
	for _, pattern := range []string{filepath.Join(tmp, "*"), "/sys/fs/bpf/p4dev/*", "/run/p4dev", "/run/netns/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return []string{err.Error()}
		}
		left = append(left, found...)
	}
	return left
}

func leftDevices() (left []string) {
	list, err := net.Interfaces()
	if err != nil {
		return []string{err.Error()}
	}
	for _, i := range list {
		if i.Flags&net.FlagLoopback == 0 && strings.HasPrefix(i.Name, "p4") {
			left = append(left, "network device "+i.Name)
		}
	}
	return left
}

// leftProcesses lists the processes of the namespace but the test's own.
func leftProcesses() (left []string) {
	dirs, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return []string{err.Error()}
	}
	for _, d := range dirs {
		name, err := os.ReadFile(d)
		if err == nil && d != fmt.Sprintf("/proc/%d/comm", os.Getpid()) {
			left = append(left, strings.TrimSpace(d+" "+string(name)))
		}
	}
	return left
}
