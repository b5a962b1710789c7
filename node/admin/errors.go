package admin

import "errors"

// Why there is no answer, where a caller branches.
var (
	// ErrNoDaemon: nothing listens there.
	ErrNoDaemon = errors.New("no daemon answers")
	// ErrBusy: another daemon serves this socket.
	ErrBusy = errors.New("another daemon answers there")
	// ErrPath: the path cannot hold a socket.
	ErrPath = errors.New("no place for a socket")
	// ErrStopping: the node takes no new work.
	ErrStopping = errors.New("the node is stopping")
)

// Refusal is the daemon's own word that it did not do what was asked.
type Refusal struct {
	Status int    // of HTTP: 503 for a node that does not serve
	Text   string // one sentence
}

func (r *Refusal) Error() string { return "the daemon answers: " + r.Text }
