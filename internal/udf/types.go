package udf

// Type is the first octet of a sequence. It decides the first letter of the text.
type Type byte

// The types of draft-hallambaker-mesh-udf-13 §3.2, with the reference's values where the draft has another: the
// draft's text gives OID sequences octet 108, its table and the reference 112.
const (
	Authenticator     Type = 0   // A: HMAC-SHA2-512
	AuthenticatorSHA3 Type = 1   // A: HMAC-SHA3-512
	Encryption        Type = 32  // E
	EncryptionSigning Type = 33  // E
	ContentSHA3       Type = 80  // K; 81 to 84 compressed
	ContentSHA2       Type = 96  // M; 97 to 100 compressed
	NonceValue        Type = 104 // N
	OIDSequence       Type = 112 // O
	Share             Type = 144 // S
	Seed              Type = 200 // Z
)

// Letter is the first letter of the text of every sequence of this type.
func (t Type) Letter() byte { return alphabet[t>>3] }
