// Package contract is the suite that every devlink endpoint is held to: the simulated kernel, a kernel in a virtual
// machine, a machine with hardware. It lists, shows and reads everything of one device through a [devlink.Client] and,
// where the [Expectation] allows it, changes the device and looks at the consequences.
//
// It is a package for tests of other packages:
//
//	contract.Run(t, dial, contract.Expectation{Device: handle, Driver: "netdevsim", Regions: []string{"dummy"}})
package contract
