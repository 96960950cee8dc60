package cli

import (
	"context"
	"os"

	"backbone/internal/config"
)

// Variables that hold what to connect with if no file is named.
const (
	APIKeyVariable = config.EnvPrefix + "_API_KEY"
	TokenVariable  = config.EnvPrefix + "_TOKEN"
)

// Credentials is the flags that name what to connect with.
type Credentials struct {
	APIKeyFile string `group:"Connection" name:"api-key-file" placeholder:"FILE" help:"File that holds the key to connect with, where the server asks for one. The key itself can be set in BACKBONE_API_KEY."`
	TokenFile  string `group:"Connection" name:"token-file" placeholder:"FILE" help:"File that holds the token (JWT) to connect with, where the server asks for one. It is read again for each connection, and before the token expires. A token itself can be set in BACKBONE_TOKEN."`
}

// GiveTo has a connection send what the flags or the environment hold. A file comes before a
// variable, and that before what the context names.
func (c *Credentials) GiveTo(to *Connection) (err error) {
	if c.APIKeyFile == "" && c.TokenFile == "" && os.Getenv(APIKeyVariable) == "" && os.Getenv(TokenVariable) == "" {
		c.APIKeyFile, c.TokenFile = to.from.APIKeyFile, to.from.TokenFile
	}
	switch {
	case c.APIKeyFile != "" && c.TokenFile != "":
		return config.Errorf("token-file", "and --api-key-file exclude each other: leave one out")
	case c.APIKeyFile != "":
		to.Key, err = config.ReadCredentials("api-key-file", c.APIKeyFile)
	case c.TokenFile != "":
		read := func(context.Context) (string, error) { return config.ReadCredentials("token-file", c.TokenFile) }
		to.Token = read
		_, err = read(context.Background())
	case os.Getenv(APIKeyVariable) != "" && os.Getenv(TokenVariable) != "":
		return config.Errorf("", "%s and %s exclude each other: leave one out", APIKeyVariable, TokenVariable)
	case os.Getenv(TokenVariable) != "":
		to.Key, err = config.CredentialsOf(TokenVariable) // the header takes both
	default:
		to.Key, err = config.CredentialsOf(APIKeyVariable)
	}
	return err
}
