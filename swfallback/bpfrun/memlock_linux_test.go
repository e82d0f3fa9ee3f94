package bpfrun

import "testing"

func TestAccountsMaps(t *testing.T) {
	for release, want := range map[string]bool{
		"4.18.0-553.el8_10.x86_64": true, "5.4.0-190-generic": true, "5.10.0": true, "5.11.0": false, "5.11-rc1": false,
		"5.15.0-1063-aws": false, "6.1.0-21-amd64": false, "10.0.1": false, "": true, "unknown": true,
	} {
		if got := accountsMaps(release); got != want {
			t.Errorf("%q: %v, want %v", release, got, want)
		}
	}
}
