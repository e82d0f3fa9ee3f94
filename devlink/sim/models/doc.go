// Package models has simulated devices that describe themselves as drivers in the kernel do: the versions, parameters,
// components, resources, tables and traps of Documentation/networking/devlink and of the drivers' sources, with values
// made up. They let what is written for such devices be tried where there are none. A model is no claim about the
// hardware: what a driver's documents do not say, a model does not have.
//
//	nic := models.NFP()
//	kernel := sim.New(sim.Options{Firmware: sim.FirmwareDirs("/lib/firmware")})
//	err := kernel.Register(nic)
//
// A firmware file for a model is text, a line "NAME VERSION" for each component in it. Flashing stores these versions;
// they run after [Device.Reset], or after reload fw_activate where the driver has it.
package models
