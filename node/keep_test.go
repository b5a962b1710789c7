package node_test

import (
	"slices"
	"testing"

	"meshpresence/node/client"
	"meshpresence/node/mpp"
)

// "The same state directory keeps accounts, devices, attachments, identity":
// through kill -9, to the last fact.
func TestStateDirectoryKeeps(t *testing.T) {
	t.Parallel()
	n := newChild(t, "")
	phone := account(t, "phone", n)
	p := invited(t, phone, "laptop", client.RoleWatch)
	laptop := dial(t, p, n)
	watch(t, laptop)
	gone := invited(t, phone, "lost", client.RoleWatch|client.RolePublish)
	if err := phone.RevokeDevice(testContext(t), gone.Device(), nil); err != nil {
		t.Fatal(err)
	}
	// Away before it is published: what its application has seen is not
	// given to it again.
	laptop.Close()
	publish(t, phone, "kept")
	phone.Close()

	before := n.ask()
	n.kill()
	n.start()
	if now := n.is; now.Device != before.Device || !slices.Equal(now.Peers, before.Peers) || now.Realm != before.Realm {
		t.Errorf("after the restart the node is %+v, before it was %+v", now, before)
	}
	if n.is.Digest != before.Digest {
		t.Error("after the restart the node holds something else than before")
	}

	// Devices are served again with nothing brought but what they hold.
	p, err := client.OpenProfile(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	watch(t, dial(t, p, n)).want("kept")
	if n.ask().Digest != before.Digest {
		t.Error("a device that came back changed what the node holds: its attachment was lost")
	}
	_, err = dial(t, gone, n).Publish(testContext(t), client.Post{Data: []byte("from the lost device")})
	wantRefusal(t, err, mpp.CodeRevoked)
}
