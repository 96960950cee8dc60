package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"backbone/internal/config"
)

// Context is a server with a name: where it is, and the files to connect with. It holds no key.
type Context struct {
	URL        string `json:"url"`
	APIKeyFile string `json:"api-key-file,omitempty"`
	TokenFile  string `json:"token-file,omitempty"`
	CAFile     string `json:"ca-file,omitempty"`
	CertFile   string `json:"cert-file,omitempty"`
	KeyFile    string `json:"key-file,omitempty"`
}

// Contexts are the contexts of a user.
type Contexts struct {
	Current string             `json:"current,omitempty"` // that commands use which name none
	All     map[string]Context `json:"contexts"`          // by name
}

// contextsFile is the file in the user's folder of settings.
func contextsFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("contexts are kept in the folder of settings: %w", err)
	}
	return filepath.Join(dir, "backbone", "contexts.json"), nil
}

// LoadContexts reads the contexts of the user. Without a file there are none.
func LoadContexts() (Contexts, error) {
	all := Contexts{All: map[string]Context{}}
	path, err := contextsFile()
	if err != nil {
		return all, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	} else if err != nil {
		return all, err
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return all, fmt.Errorf("%s: %w: mend or remove it", path, err)
	}
	if all.All == nil {
		all.All = map[string]Context{}
	}
	return all, nil
}

// Save writes the contexts, to a file that only the user can read. It is replaced as a whole.
func (c Contexts) Save() error {
	path, err := contextsFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "contexts-*") // with the mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Names are the names of all contexts, sorted.
func (c Contexts) Names() []string { return slices.Sorted(maps.Keys(c.All)) }

// Find returns a context. flag is what named it, or empty for an argument.
func (c Contexts) Find(name, flag string) (Context, error) {
	found, ok := c.All[name]
	switch {
	case ok:
		return found, nil
	case len(c.All) == 0:
		return found, config.Errorf(flag, "there is no context %s, and no other: add one with \"backbone context add\"", Name(name))
	}
	return found, config.Errorf(flag, "there is no context %s: expected one of %s", Name(name), strings.Join(c.Names(), ", "))
}

// settle gives a connection its server: that of the URLs, else that of the context, else one on this
// machine. A context gives its files only to its own server.
func (c *Connection) settle() error {
	if len(c.URLs) > 0 && slices.Equal(c.URLs, c.settled) { // kong asks twice
		return nil
	}
	if len(c.URLs) > 0 {
		if c.Context != "" {
			return config.Errorf("context", "and --url exclude each other: leave one out")
		}
		return nil
	}
	c.URLs = []string{DefaultURL}
	c.settled = c.URLs
	all, err := LoadContexts()
	name, flag := c.Context, "context"
	if name == "" {
		name, flag = all.Current, ""
	}
	if err != nil {
		return err
	}
	if name == "" {
		return nil
	}
	found, err := all.Find(name, flag)
	if err != nil {
		return err
	}
	c.URLs, c.within, c.from = []string{found.URL}, name, found
	c.settled = c.URLs
	if c.CAFile == "" && !c.InsecureSkipVerify {
		c.CAFile = found.CAFile
	}
	if c.CertFile == "" && c.KeyFile == "" {
		c.CertFile, c.KeyFile = found.CertFile, found.KeyFile
	}
	return nil
}

// Within is the name of the context whose server is connected to, or empty.
func (c *Connection) Within() string { return c.within }
