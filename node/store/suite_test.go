package store

import (
	"path/filepath"
	"testing"

	dstest "github.com/ipfs/go-datastore/test"
)

// TestSuite runs go-datastore's own tests.
func TestSuite(t *testing.T) {
	d, err := OpenDatastore(filepath.Join(t.TempDir(), "facts.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	dstest.SubtestAll(t, d)
}
