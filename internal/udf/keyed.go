package udf

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha512"
	"strings"
)

// The strings that a key phrase is stretched with.
const (
	keyedSalt = "KeyedUDFMaster"
	keyedInfo = "KeyedUDFExpand"
)

// Keyed is the authenticator (A) of data of a content type under a key that is any string:
// HMAC-SHA512(HKDF-SHA512(key), contentType ":" SHA512(data)).
func Keyed(key, contentType string, data []byte) Fingerprint {
	inner := sha512.Sum512(data)
	stretched := derive([]byte(key), keyedSalt, keyedInfo, sha512.Size)
	return mac(stretched, typedInput(contentType, inner[:]))
}

// SaltedPin is what a PIN becomes for one action, such as "Device", at 140 bits: only for that action does it
// authenticate. The pin is the text of an A sequence.
func SaltedPin(pin, action string) (string, error) {
	return pinMAC(pin, action)
}

// PinID is the identifier under which the messages of a salted PIN and an account address are found, at 140 bits.
func PinID(saltedPin, account string) (string, error) {
	return pinMAC(saltedPin, strings.ToLower(account))
}

// pinMAC keys with what the text still holds, 16 octets after the type for a text of 140 bits.
func pinMAC(key, message string) (string, error) {
	k, err := ParseType(key, Authenticator)
	if err != nil {
		return "", err
	}
	return mac(k[1:], []byte(message)).String(), nil
}

func mac(key, message []byte) Fingerprint {
	h := hmac.New(sha512.New, key)
	h.Write(message)
	var f Fingerprint
	f[0] = byte(Authenticator)
	h.Sum(f[:1])
	return f
}

// derive is HKDF-SHA512 (RFC 5869) to n octets. An empty salt is none.
func derive(ikm []byte, salt, info string, n int) []byte {
	key, err := hkdf.Key(sha512.New, ikm, []byte(salt), info, n)
	if err != nil {
		panic(err) // only for more than 255 blocks: every n here is a constant of at most one
	}
	return key
}
