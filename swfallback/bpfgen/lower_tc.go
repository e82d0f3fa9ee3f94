package bpfgen

// __sk_buff of linux/bpf.h.
const (
	skbIfindex = 40
	skbData    = 76
	skbDataEnd = 80
)

func (l *lowerer) enterTC()                                   { l.unsupported("tc") }
func (l *lowerer) finishTC(st *state, fate Fate, port *value) { l.unsupported("tc") }
func (l *lowerer) resizeTC(st *state, grow int)               { l.unsupported("tc") }
func (l *lowerer) handOver(st *state)                         { l.unsupported("multicast") }
