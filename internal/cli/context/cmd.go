// Package context is the command that keeps the names of servers.
package context

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"backbone/internal/cli"
	"backbone/internal/config"
)

// Cmd is the command.
type Cmd struct {
	Add Add `cmd:"" help:"Give a server a name, with the files to connect with. Keys stay in their files."`
	Use Use `cmd:"" help:"Choose the context of commands that name no server. Without a name, none."`
	Ls  Ls  `cmd:"" help:"List the contexts."`
	Rm  Rm  `cmd:"" help:"Remove a context."`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone context add prod wss://prices.example --api-key-file prod.key
backbone context use prod
backbone subscribe BTC_USDT                   # connects to prod
backbone context ls
backbone context use                          # none`
}

// Add is the command that adds one.
type Add struct {
	Name string `arg:"" help:"Name: letters, digits, dots, hyphens and underscores."`
	URL  string `arg:"" name:"url" help:"Server, as ws://host:port, or wss://host:port for TLS."`

	APIKeyFile string `name:"api-key-file" placeholder:"FILE" help:"File that holds the key to connect with."`
	TokenFile  string `name:"token-file" placeholder:"FILE" help:"File that holds the token (JWT) to connect with."`
	CAFile     string `name:"ca-file" placeholder:"FILE" help:"Certificates in PEM, one of which signed the server's."`
	CertFile   string `name:"cert-file" placeholder:"FILE" help:"Certificate chain in PEM that the server gets. With --key-file."`
	KeyFile    string `name:"key-file" placeholder:"FILE" help:"Private key of --cert-file, in PEM."`
}

// Help is the examples of this command.
func (*Add) Help() string {
	return `backbone context add local ws://127.0.0.1:8080
backbone context add prod wss://prices.example --api-key-file prod.key
backbone context add test wss://10.0.0.7:8080 --ca-file test.pem`
}

var names = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Validate is called by kong.
func (a *Add) Validate() error {
	if !names.MatchString(a.Name) {
		return config.Errorf("", "the name of a context must have 1 to 64 letters, digits, dots, hyphens and underscores, not %q", a.Name)
	}
	if a.APIKeyFile != "" && a.TokenFile != "" {
		return config.Errorf("token-file", "and --api-key-file exclude each other: leave one out")
	}
	reach := cli.Reach{CAFile: a.CAFile, CertFile: a.CertFile, KeyFile: a.KeyFile, ConnectTimeout: 1}
	to := reach.To(a.URL, "url")
	return to.Validate()
}

// Run adds it. What a name stands for is not changed by mistake.
func (a *Add) Run(s cli.Streams) error {
	all, err := cli.LoadContexts()
	if err != nil {
		return err
	}
	if _, taken := all.All[a.Name]; taken {
		return cli.Failf(cli.ExitUsage, "there is a context %s: remove it first, with \"backbone context rm %s\"", a.Name, a.Name)
	}
	added := cli.Context{URL: a.URL, APIKeyFile: a.APIKeyFile, TokenFile: a.TokenFile, CAFile: a.CAFile, CertFile: a.CertFile, KeyFile: a.KeyFile}
	for _, file := range []*string{&added.APIKeyFile, &added.TokenFile, &added.CAFile, &added.CertFile, &added.KeyFile} {
		if *file == "" {
			continue
		}
		if *file, err = filepath.Abs(*file); err != nil { // commands run in other folders too
			return err
		}
	}
	all.All[a.Name] = added
	if err := all.Save(); err != nil {
		return err
	}
	s.Say("added; \"backbone context use %s\" makes it the one that commands connect to", a.Name)
	return nil
}

// Use is the command that chooses one.
type Use struct {
	Name string `arg:"" optional:"" name:"context" help:"Name of the context."`
}

// Help is the examples of this command.
func (*Use) Help() string {
	return `backbone context use prod
backbone context use              # none: ` + cli.DefaultURL
}

// Values are the names, for the completion of shells.
func (*Use) Values(string) []string { return known() }

// Run chooses it.
func (u *Use) Run() error {
	all, err := cli.LoadContexts()
	if err != nil {
		return err
	}
	if u.Name != "" {
		if _, err := all.Find(u.Name, ""); err != nil {
			return err
		}
	}
	all.Current = u.Name
	return all.Save()
}

// Ls is the command that lists them.
type Ls struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help is the examples of this command.
func (*Ls) Help() string {
	return `backbone context ls
backbone context ls --json`
}

// Run lists them, the chosen one with a star, and without what follows a ? of a URL.
func (l *Ls) Run(s cli.Streams) error {
	all, err := cli.LoadContexts()
	if err != nil {
		return err
	}
	for name, c := range all.All {
		c.URL = cli.ShownURLs(c.URL)
		all.All[name] = c
	}
	if l.JSON {
		line, err := json.Marshal(all)
		if err != nil {
			return err
		}
		return s.Print(append(line, '\n'))
	}
	if len(all.All) == 0 {
		s.Say("there is no context: add one with \"backbone context add\"")
		return nil
	}
	var b strings.Builder
	width := cli.Width(all.Names())
	for _, name := range all.Names() {
		c, star := all.All[name], " "
		if name == all.Current {
			star = "*"
		}
		line := fmt.Sprintf("%s %s  %s", star, cli.Column(name, width), c.URL)
		for _, file := range [][2]string{{"api-key-file", c.APIKeyFile}, {"token-file", c.TokenFile}, {"ca-file", c.CAFile}, {"cert-file", c.CertFile}, {"key-file", c.KeyFile}} {
			if file[1] != "" {
				line += " --" + file[0] + " " + file[1]
			}
		}
		b.WriteString(cli.Printable(line) + "\n")
	}
	return s.Print([]byte(b.String()))
}

// Rm is the command that removes one.
type Rm struct {
	Name string `arg:"" name:"context" help:"Name of the context."`
}

// Help is the examples of this command.
func (*Rm) Help() string { return "backbone context rm prod" }

// Values are the names, for the completion of shells.
func (*Rm) Values(string) []string { return known() }

// Run removes it. If it was the chosen one, none is.
func (r *Rm) Run() error {
	all, err := cli.LoadContexts()
	if err != nil {
		return err
	}
	if _, err := all.Find(r.Name, ""); err != nil {
		return err
	}
	delete(all.All, r.Name)
	if all.Current == r.Name {
		all.Current = ""
	}
	return all.Save()
}

func known() []string {
	all, err := cli.LoadContexts()
	if err != nil {
		return nil
	}
	return all.Names()
}
