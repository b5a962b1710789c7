package access

import (
	"testing"

	"meshpresence/node/mpp"
)

// "--accounts open drops this. Else 401 not-admitted."
func TestAdmissionWithoutACode(t *testing.T) {
	for _, c := range []struct {
		rules   Rules
		vouched bool
		want    mpp.Code
	}{
		{Rules{}, false, mpp.CodeNotAdmitted},
		{Rules{}, true, mpp.CodeOK},
		{Rules{Open: true}, false, mpp.CodeOK},
		{Rules{Open: true}, true, mpp.CodeOK},
	} {
		if got := c.rules.Admit(c.vouched); got != c.want {
			t.Errorf("%+v, vouched %v: %v, want %v", c.rules, c.vouched, got, c.want)
		}
	}
}

func TestRoomForAccounts(t *testing.T) {
	for _, c := range []struct {
		rules Rules
		kept  int
		want  mpp.Code
	}{
		{Rules{}, DefaultAccounts - 1, mpp.CodeOK},
		{Rules{}, DefaultAccounts, mpp.CodeQuota},
		{Rules{Accounts: 1}, 0, mpp.CodeOK},
		{Rules{Accounts: 1, Open: true}, 1, mpp.CodeQuota},
	} {
		if got := c.rules.Room(c.kept); got != c.want {
			t.Errorf("%+v with %d kept: %v, want %v", c.rules, c.kept, got, c.want)
		}
	}
}
