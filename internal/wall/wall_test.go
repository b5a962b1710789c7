package wall

import (
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	moment := time.Date(2024, 10, 21, 21, 23, 57, 999_999_999, time.FixedZone("east", 3600))
	got := Of(moment)
	if want := "2024-10-21T20:23:57Z"; got.String() != want {
		t.Errorf("Of(%v) = %v, want %v", moment, got, want)
	}
	if !got.Std().Equal(moment.Truncate(time.Second)) {
		t.Errorf("Std() = %v, want %v", got.Std(), moment.Truncate(time.Second))
	}
	if loc := got.Std().Location(); loc != time.UTC {
		t.Errorf("Std() is in %v, want UTC", loc)
	}
}

func TestAbsent(t *testing.T) {
	var absent Time
	if Of(time.Time{}) != absent || !absent.Std().IsZero() || absent.Add(time.Hour) != absent {
		t.Error("the absent time must stay absent through Of, Std and Add")
	}
	if absent.String() != "absent" {
		t.Errorf("String() = %q", absent.String())
	}
}

func TestAdd(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want Time
	}{{time.Hour, 3601}, {-time.Second, 0}, {1999 * time.Millisecond, 2}, {-1999 * time.Millisecond, 0}} {
		if got := Time(1).Add(c.d); got != c.want {
			t.Errorf("1.Add(%v) = %d, want %d", c.d, int64(got), int64(c.want))
		}
	}
}

func TestClock(t *testing.T) {
	at := func(v time.Time) Clock { return func() time.Time { return v } }
	for _, c := range []struct {
		now   time.Time
		ticks int64
	}{
		{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{time.Unix(0, 0), 621_355_968_000_000_000}, // the .NET constant for the Unix epoch
		{time.Unix(1, 250), 621_355_968_010_000_002},
	} {
		if got := at(c.now).Ticks(); got != c.ticks {
			t.Errorf("Ticks at %v = %d, want %d", c.now, got, c.ticks)
		}
	}
	if got := at(time.Unix(77, 5)).Now(); got != 77 {
		t.Errorf("Now() = %d, want 77", int64(got))
	}
	if Clock(nil).Now() == 0 || Clock(nil).Ticks() < 621_355_968_000_000_000 {
		t.Error("the nil clock must read the system's")
	}
}
