package auth

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// isPublic reports whether a text is a public key in one of the forms that are not read as one. Taken for
// a secret it would let everyone sign.
func isPublic(text []byte) bool {
	plain := strings.Join(strings.Fields(string(text)), "")
	forms := [][]byte{text}
	for _, decode := range []func(string) ([]byte, error){
		base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if decoded, err := decode(strings.TrimRight(plain, "=")); err == nil {
			forms = append(forms, decoded)
		}
	}
	if decoded, err := hex.DecodeString(strings.TrimPrefix(strings.ReplaceAll(plain, ":", ""), "0x")); err == nil {
		forms = append(forms, decoded)
	}
	for _, form := range forms {
		if publicForm(form) {
			return true
		}
	}
	return false
}

func publicForm(form []byte) bool {
	if bytes.Contains(form, []byte("BEGIN")) { // PEM, RFC 4716, OpenPGP
		return true
	}
	const length = 4 // before the type of an SSH key that is not text
	for _, prefix := range []string{"ssh-", "ecdsa-", "sk-"} {
		if bytes.HasPrefix(form, []byte(prefix)) || len(form) > length && bytes.HasPrefix(form[length:], []byte(prefix)) {
			return true
		}
	}
	_, pkix := x509.ParsePKIXPublicKey(form)
	_, pkcs1 := x509.ParsePKCS1PublicKey(form)
	_, certificate := x509.ParseCertificate(form)
	return pkix == nil || pkcs1 == nil || certificate == nil
}
