// Package arch holds the house rules as data, and its tests hold the tree to
// them: which package may import which, that every package says what it is, how
// long a file may grow, where goroutines start.
//
// # Floors
//
// A package imports the standard library, any package on a lower floor, and
// exactly the same-floor packages and third-party modules that its [Row] names.
// Bytes rise, decisions sink: calls go down a floor, facts go up only as return
// values, effects, or one narrow interface that the consumer declares. If a
// line needs an import that its floor forbids, the fact it wants should arrive
// as an argument.
//
// A new package is a new row. A new third-party module is a line in its row,
// with the reason.
package arch
