package lab

import (
	"bytes"
	"context"
	"sync"
)

// maxText bounds what is kept of what a program says: the newest half goes on
// when it is full.
const maxText = 4 << 20

// Text takes what a program writes. The zero value is empty and ready; it is safe
// for concurrent use.
type Text struct {
	mu      sync.Mutex
	b       []byte
	lines   int
	changed chan struct{} // closed at the next change, nil while nobody waits
}

// Write implements io.Writer.
func (t *Text) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.b = append(t.b, b...); len(t.b) > maxText {
		t.b = append(t.b[:0], t.b[len(t.b)-maxText/2:]...)
	}
	t.lines += bytes.Count(b, []byte("\n"))
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
	return len(b), nil
}

// String is what was written.
func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

// Lines is how many lines were written.
func (t *Text) Lines() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lines
}

// Await waits until what was written is as wanted, and returns it; or until ctx
// ends.
func (t *Text) Await(ctx context.Context, want func(text string) bool) (string, error) {
	for {
		t.mu.Lock()
		text := string(t.b)
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed := t.changed
		t.mu.Unlock()
		if want(text) {
			return text, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return text, ctx.Err()
		}
	}
}
