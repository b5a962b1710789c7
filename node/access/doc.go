// Package access decides who may: admission of accounts, roles of devices,
// what a person may ask of a node. It decides on what it is given and holds no
// state but its rules; every answer is a code of the protocol's one table, so a
// refusal reads the same on the wire, in the log and at the command.
//
// A node trusts no address: the one exception is admission of new accounts from
// the node's own machine, because whoever sits there can read the state
// directory anyway (federation.md, "Coming in").
package access
