package store

// failpoint names a durable step of a commit, in the order they are passed.
type failpoint int

const (
	beforePut  failpoint = iota // a group is gathered, nothing is written
	afterPut                    // the backend has it, in memory
	beforeSync                  // the next thing is the file
	afterSync                   // it is durable and nobody was told
)

// String returns the name that MESHPRESENCE_FAILPOINT takes.
func (p failpoint) String() string {
	return [...]string{"before-put", "after-put", "before-sync", "after-sync"}[p]
}
