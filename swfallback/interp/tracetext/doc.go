// Package tracetext shows what the interpreter did with a packet: as steps that a machine reads, and as text.
//
//	t, err := tracetext.Record(sw, 1, packet)
//	t.Text(os.Stdout)
//
// Text leaves out what the compiler made for itself where it changes nothing; the steps have all of it.
package tracetext
