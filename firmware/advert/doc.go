// Package advert puts a program into the terms in which a device describes itself: the headers, tables and
// entries of devlink's dpipe, and the resources that its tables draw from. The simulated NIC shows it as it is;
// [Advert.Encode] writes it in records of fixed size, the device image of the reference driver, so that a driver
// in the kernel needs no parser to advertise the same.
//
//	a := advert.New(program, nil)
//	a.Name, a.Version, a.Source = "l3router", "1.0.0", tag
//	image, err := a.Encode()
//
// What dpipe cannot say (match kinds, parser, actions as such) is not in it: that is in the pipeline itself.
package advert
