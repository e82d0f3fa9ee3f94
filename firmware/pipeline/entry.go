package pipeline

import "time"

// Entry is one entry of a table.
type Entry struct {
	Table *Table
	Match []Match // one per Table.Keys
	// Priority orders entries of tables where MatchKind.NeedsPriority holds for a key: the largest wins. It is
	// 0 in all other tables.
	Priority    int32
	Call        *ActionCall   // what a hit runs; nil in tables with an ActionProfile
	Member      *uint32       // member of the table's ActionProfile
	Group       *uint32       // group of the table's ActionProfile
	IdleTimeout time.Duration // 0: never
	SkipSW      bool          // keep it out of software
	SkipHW      bool          // keep it out of hardware
	Source      Source        // of an entry of the program
}

// Match is what one component of a key is compared with. Byte slices are big-endian and have exactly
// (Key.Width+7)/8 bytes; bits above the width are zero.
type Match struct {
	Value  []byte // exact, valid (0 or 1), lpm, ternary, optional: the value; range: the lowest value
	Mask   []byte // ternary and optional: 1 bits are compared; an optional key's mask is all ones or all zeros
	Prefix int    // lpm: leading bits that are compared, 0 to Key.Width
	High   []byte // range: the highest value
}

// ActionCall is an action with its arguments: one per Action.Params, big-endian, (Width+7)/8 bytes each.
type ActionCall struct {
	Action *Action
	Args   [][]byte
}

// Member is an action with data in an ActionProfile.
type Member struct {
	ID   uint32
	Call *ActionCall
}

// Group is a set of members of an ActionProfile with a Selector. A member's weight is how often it is
// listed.
type Group struct {
	ID      uint32
	Members []uint32
}

// MulticastGroup is a group of the packet replication engine.
type MulticastGroup struct {
	ID       uint32
	Replicas []Replica
}

// Replica is one copy that a MulticastGroup or CloneSession makes.
type Replica struct {
	Port     uint32
	Instance uint32 // standard_metadata.egress_rid
}

// CloneSession says where clones of a session go.
type CloneSession struct {
	ID        uint32
	Replicas  []Replica
	Truncate  int    // bytes of the packet that the clone keeps; 0: all
	Multicast uint32 // BMv2: a multicast group instead of Replicas; 0: none
}

// Count is the value of a counter.
type Count struct{ Packets, Bytes uint64 }

// EntryState is an entry as a target holds it.
type EntryState struct {
	Entry   *Entry
	Count   Count         // of the table's direct counter, where it has one
	IdleFor time.Duration // since the last hit, where the table supports time-outs
}
