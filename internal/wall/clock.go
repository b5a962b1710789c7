package wall

import "time"

// Ticks are the unit of .NET's DateTime: 100 ns since 0001-01-01T00:00:00 UTC.
const (
	ticksPerSecond = int64(time.Second / 100)
	nsPerTick      = 100
	unixEpochTicks = 62_135_596_800 * ticksPerSecond // 0001-01-01 to 1970-01-01
)

// Clock reads the wall clock. The nil Clock is the system's. It is safe for concurrent use when the function is.
type Clock func() time.Time

// Now is the present wall time, in UTC.
func (c Clock) Now() Time { return Of(c.read()) }

// Ticks is the present wall time in units of 100 ns since 0001-01-01 UTC, the form a status message carries.
func (c Clock) Ticks() int64 {
	t := c.read()
	return unixEpochTicks + t.Unix()*ticksPerSecond + int64(t.Nanosecond())/nsPerTick
}

func (c Clock) read() time.Time {
	if c == nil {
		return time.Now()
	}
	return c()
}
