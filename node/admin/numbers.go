package admin

// Numbers are what a node counts itself and is asked for when somebody looks.
type Numbers struct {
	Connections int
	Watching    int
	Facts       int
	Accounts    int
	Members     int // this one included
	Connected   int // of the others
	Damaged     int // entries of the store set aside
	// ClockOff is this clock less the median of the others', in seconds; nil
	// when they are too few to tell.
	ClockOff *float64

	// Devices of the accounts carried here, by the reason that says where they
	// are.
	Devices map[string]int

	// By outcome, in words.
	Datagrams  map[string]uint64
	Handshakes map[string]uint64
	Gossip     map[string]uint64

	Synced uint64 // facts that came by sync
	Dials  uint64
}
