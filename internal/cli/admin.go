package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"backbone/internal/config"
)

// Admin is the flags by which a command reaches the admin addresses of instances.
type Admin struct {
	URLs      []string `group:"Connection" name:"admin-url" default:"http://127.0.0.1:8081" placeholder:"URL" help:"Address of --admin-listen, as http://host:port."`
	TokenFile string   `group:"Connection" name:"admin-token-file" placeholder:"FILE" help:"File with the token that the instance asks for."`
	CAFile    string   `group:"Connection" name:"ca-file" placeholder:"FILE" help:"Certificates in PEM, one of which signed that of a proxy in front of it. Without it, those that this machine trusts."`
}

// Validate refuses URLs that cannot be asked.
func (a *Admin) Validate() error {
	for i, text := range a.URLs {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
			return config.Errorf("admin-url", "must be like http://127.0.0.1:8081")
		case u.User != nil:
			return config.Errorf("admin-url", "must not hold credentials: a token goes to --admin-token-file")
		}
		a.URLs[i] = strings.TrimSuffix(text, "/")
	}
	return nil
}

// One refuses several URLs, for a command that asks one instance.
func (a *Admin) One() error {
	if err := a.Validate(); err != nil {
		return err
	}
	if len(a.URLs) != 1 {
		return config.Errorf("admin-url", "must be one URL")
	}
	return nil
}

// Get asks for a path of an admin address. The error says what to do.
func (a *Admin) Get(ctx context.Context, base, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return nil, err
	}
	req.Close = true // or else a connection would stay
	if a.TokenFile != "" {
		token, err := config.ReadCredentials("admin-token-file", a.TokenFile)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{Proxy: nil} // the address is of this network
	if a.CAFile != "" {
		roots, err := config.Authorities("ca-file", a.CAFile)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("no answer from %s in time: %w", base, context.DeadlineExceeded)
		}
		return nil, fmt.Errorf("cannot reach %s: %w: does \"backbone serve\" run there, with --admin-listen? (--admin-url)", base, failed.Err)
	}
	return resp, err
}
