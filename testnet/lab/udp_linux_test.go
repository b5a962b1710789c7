package lab

import "testing"

func TestKernelCounts(t *testing.T) {
	u, err := parseSNMP([]byte("Ip: Forwarding\nIp: 1\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\nUdp: 12 1 3 4 2\n"))
	if err != nil || u != (UDP{Read: 12, Refused: 3}) {
		t.Errorf("read %+v, %v", u, err)
	}
	u.addSNMP6([]byte("Ip6InReceives \t7\nUdp6InDatagrams                 \t5\nUdp6NoPorts \t1\nUdpLite6InDatagrams\t9\n"))
	if u != (UDP{Read: 17, Refused: 4}) {
		t.Errorf("with IPv6 %+v", u)
	}
	if _, err := parseSNMP([]byte("Ip: 1\n")); err == nil {
		t.Error("counts were read where there are none")
	}
}
