package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"backbone/internal/auth/authtest"
)

// token FILE NAME LIFE JOIN PUBLISH writes a token that lives for so long, with patterns that have
// commas between them, and the public key to issuer.pem.
func token(ts *testscript.TestScript, _ bool, args []string) {
	life, err := time.ParseDuration(args[2])
	ts.Check(err)
	issuer := &authtest.Issuer{Algorithm: "EdDSA", Private: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	text := issuer.Token(authtest.Claims{
		"sub": args[1], "exp": time.Now().Add(life).Unix(), "iss": "script", "aud": "backbone",
		"backbone.join": strings.Split(args[3], ","), "backbone.publish": strings.Split(args[4], ","),
	})
	ts.Check(errors.Join(
		os.WriteFile(ts.MkAbs("issuer.pem"), issuer.PEM(), 0o600),
		os.WriteFile(ts.MkAbs(args[0]), fmt.Appendln(nil, text), 0o600),
	))
	ts.Setenv(strings.ToUpper(args[0]), text)
}
