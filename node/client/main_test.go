package client_test

import (
	"context"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"meshpresence/node"
	"meshpresence/node/client"
)

func TestMain(m *testing.M) {
	client.StartNode = func(ctx context.Context, dir, listen string) (string, func() error, error) {
		cfg := nodeConfig(dir)
		cfg.Listen = listen
		n, err := node.Start(ctx, cfg)
		if err != nil {
			return "", nil, err
		}
		return n.DeviceAddress(), n.Close, nil
	}
	goleak.VerifyTestMain(m)
}

// nodeConfig is a node's configuration for a test: every port is taken by chance.
func nodeConfig(dir string) node.Config {
	return node.Config{
		State: filepath.Join(dir, "node"), Listen: "127.0.0.1:0",
		PeerListen: []string{"/ip4/127.0.0.1/tcp/0"}, OpenAccounts: true,
	}
}
