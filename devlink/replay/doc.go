// Package replay records what passes between a devlink client and an endpoint as text, and plays it back to a client
// or compares it with what another endpoint answers. The recordings of real kernels in testdata/wire are made with it,
// and hold the client and the simulation to them.
//
//	rec := replay.NewRecorder(dial)
//	c := devlink.New(rec.Dial)
//	rec.Begin("info")
//	info, err := c.Info(ctx, handle)
//	_, err = rec.Recording().WriteTo(file)
//
// It is a package for tests.
package replay
