package handshake

import (
	"fmt"
	"strings"

	"backbone/protocol"
)

var errSeveralCredentials = fmt.Errorf("%s, %s, %s: hold different credentials", authorization, protocol.HeaderAPIKey, secProtocol)

// findCredentials returns what the headers hold. Another scheme than Bearer is for somebody else,
// such as a proxy. Nothing of the credentials is in the error.
func findCredentials(headers headers) (found string, err error) {
	take := func(one string) {
		if found != "" && one != "" && one != found {
			err = errSeveralCredentials
		}
		if one != "" {
			found = one
		}
	}
	if scheme, rest, _ := strings.Cut(headers.get(authorization), " "); strings.EqualFold(scheme, "Bearer") {
		take(strings.TrimLeft(rest, " "))
	}
	take(headers.get(protocol.HeaderAPIKey))
	for _, word := range list(headers, secProtocol) {
		if one, bearer := strings.CutPrefix(word, protocol.BearerPrefix); bearer {
			take(one)
		}
	}
	return found, err
}
