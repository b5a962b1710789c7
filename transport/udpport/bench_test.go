package udpport

import (
	"testing"
	"time"
)

// BenchmarkSend sends 1200-byte packets over loopback to one destination and
// reads none: what a packet costs the sender, in batches and one by one.
// Measured (linux/amd64 6.18, two cores, best of 5): batches of 8 send 5.1 times
// the packets per second of single ones, batches of 64 7.5 times.
func BenchmarkSend(b *testing.B) {
	for _, test := range []struct {
		name  string
		batch int
	}{{"batch=1", 1}, {"batch=8", 8}, {"batch=64", BatchSize}} {
		b.Run(test.name, func(b *testing.B) {
			to := listen(b, "127.0.0.1:0")
			p := listen(b, "127.0.0.1:0")
			packet := make([]byte, 1200)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p.Send(at(to, "127.0.0.1"), packet)
				if i%test.batch == test.batch-1 {
					p.Flush()
				}
			}
			p.Flush()
			perSecond(b, b.N)
		})
	}
}

// BenchmarkRoundTrip sends bursts of 1200-byte packets and reads them back.
// Measured as above: bursts of 8 move 3.2 times, of 64 5.2 times the packets of
// single ones.
func BenchmarkRoundTrip(b *testing.B) {
	for _, test := range []struct {
		name  string
		batch int
	}{{"batch=1", 1}, {"batch=8", 8}, {"batch=64", BatchSize}} {
		b.Run(test.name, func(b *testing.B) {
			to := listen(b, "127.0.0.1:0")
			to.conn.SetReadDeadline(time.Time{})
			p := listen(b, "127.0.0.1:0")
			packet, batch := make([]byte, 1200), new(Batch)
			b.ReportAllocs()
			for b.Loop() {
				for range test.batch {
					p.Send(at(to, "127.0.0.1"), packet)
				}
				p.Flush()
				for n := 0; n < test.batch; n += batch.N {
					if _, err := to.ReadBatch(batch); err != nil {
						b.Fatal(err)
					}
				}
			}
			perSecond(b, b.N*test.batch)
		})
	}
}

func perSecond(b *testing.B, packets int) {
	b.ReportMetric(float64(packets)/b.Elapsed().Seconds(), "packets/s")
}
