//go:build !linux

package bpfrun

func refusalOf(err error) error { return err }
func probeXDPLink() error       { return supported() }
func probeXDPVeth() error       { return supported() }
func probeTCX() error           { return supported() }
