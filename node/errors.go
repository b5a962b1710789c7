package node

import "meshpresence/node/store"

// Why a node does not start, where a caller branches; the text around them names
// the directory. A key file that cannot be used is one of package key's errors.
var (
	// ErrLocked: another node uses the state directory.
	ErrLocked = store.ErrLocked
	// ErrNewer: a later version of this program wrote it.
	ErrNewer = store.ErrNewer
	// ErrCorrupt: what is there is not a node's store, or is past saving.
	ErrCorrupt = store.ErrCorrupt
	// ErrFull: there is no room on its disk.
	ErrFull = store.ErrFull
)
