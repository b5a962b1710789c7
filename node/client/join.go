package client

import "context"

// ParseCode reads a code in either form and returns the address of the node in
// the pasted one, empty for a bare code.
func ParseCode(s string) (node string, err error) { return "", errNotYet }

// JoinAccount makes this device one of the inviting account.
func (c *Client) JoinAccount(ctx context.Context, code string) error { return errNotYet }
