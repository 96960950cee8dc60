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
	credentials := strings.TrimSpace(strings.TrimPrefix(string(text), "\ufeff"))
	if credentials == "" || strings.ContainsAny(credentials, " \t\r\n") {
		return "", Errorf(flag, "%s must hold only the key or token: of a line of a keys file, the part after the colon, without patterns", path)
	}
	return credentials, nil
}
