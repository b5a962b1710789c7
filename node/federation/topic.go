package federation

import (
	"strings"

	"meshpresence/internal/key"
)

// Topic names the gossip topic that carries an account's facts in a realm that
// divides its accounts by the first bits of their hashes, 0 to 256 of them:
// "/mpp/1/" realm "/" and the bits as 0s and 1s. With 0 bits there is one topic,
// whose name ends in the slash (federation.md, Carriage).
func Topic(realm, account key.Hash, bits int) string {
	var b strings.Builder
	b.WriteString(topicPrefix)
	b.WriteString(realm.String())
	b.WriteByte('/')
	b.WriteString(Bucket(account, bits))
	return b.String()
}

// Bucket returns the first bits of an account's hash as 0s and 1s.
func Bucket(account key.Hash, bits int) string {
	bits = min(max(bits, 0), 8*len(account))
	text := make([]byte, bits)
	for i := range text {
		text[i] = '0' + account[i/8]>>(7-i%8)&1
	}
	return string(text)
}
