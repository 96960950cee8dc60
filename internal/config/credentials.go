package config

import (
	"fmt"
	"os"
	"strings"
)

// ReadCredentials reads the file of a flag, which holds a key or a token. The error is that of
// reading it, or an *Error.
func ReadCredentials(flag, path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("--%s: %w", flag, err)
	}
	return onlyCredentials(flag, path, strings.TrimPrefix(string(text), "\ufeff"))
}

// CredentialsOf returns what a variable of the environment holds, a key or a token, or "" if it is
// not set. The error is an *Error.
func CredentialsOf(variable string) (string, error) {
	text := os.Getenv(variable)
	if text == "" {
		return "", nil
	}
	return onlyCredentials("", variable, text)
}

func onlyCredentials(flag, where, text string) (string, error) {
	credentials := strings.TrimSpace(text)
	if credentials == "" || strings.ContainsAny(credentials, " \t\r\n") {
		return "", Errorf(flag, "%s must hold only the key or token: of a line of a keys file, the part after the colon, without patterns", where)
	}
	return credentials, nil
}
