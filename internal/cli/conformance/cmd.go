// Package conformance is the command that plays the vectors of the protocol against a server.
package conformance

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/conformance"
	"backbone/internal/serverurl"
	"backbone/protocol"
)

// Cmd is the command and its flags.
type Cmd struct {
	cli.Server      `embed:""`
	ConsumerKeyFile string `group:"Connection" name:"consumer-key-file" placeholder:"FILE" help:"File that holds the key of the consumers, where it is another than that of --api-key-file."`

	Only   string        `placeholder:"TEXT" help:"Play only the sections whose title has this text."`
	Having []string      `placeholder:"FLAGS" help:"Flags that the server was started with, with commas: play only the sections that need these and no others."`
	List   bool          `help:"Print the sections and what they need, and connect to nothing."`
	Wait   time.Duration `default:"5s" help:"How long to wait for each message."`
}

// Help is the examples of this command.
func (*Cmd) Help() string {
	return `backbone conformance ws://127.0.0.1:8080
backbone conformance --only batches wss://prices.example --api-key-file key
backbone conformance --having=--max-rooms=2,--max-instruments=1
backbone conformance --list`
}

// Validate is called by kong.
func (c *Cmd) Validate() error {
	if c.Wait <= 0 {
		return config.Errorf("wait", "must be above 0, not %v", c.Wait)
	}
	return c.Server.Validate()
}

// Run plays the sections one after another.
func (c *Cmd) Run(ctx context.Context, s cli.Streams) error {
	sections, err := c.sections()
	if err != nil {
		return err
	}
	t := newTable(s, sections)
	if c.List {
		for _, section := range sections {
			if err := t.print(row{Section: section.Title, Page: section.Page, Needs: section.Flags(), Result: listed}); err != nil {
				return err
			}
		}
		return nil
	}
	server, where, err := c.server(ctx)
	if err != nil {
		return err
	}
	word := make([]byte, 4)
	_, _ = rand.Read(word) // it never fails
	run := "conformance." + hex.EncodeToString(word) + "."
	s.Say("backbone: playing against %s in rooms that begin with %s; they are retired afterwards", where, run)
	for i, section := range sections {
		server.Prefix = run + hex.EncodeToString([]byte{byte(i)}) + "."
		r := row{Section: section.Title, Page: section.Page, Needs: section.Flags(), Result: skipped}
		if c.has(section.Flags()) {
			err := server.Play(ctx, section)
			if ctx.Err() != nil {
				return nil //nolint:nilerr // it was stopped
			}
			r.Result, r.MismatchError = passed, nil
			if err != nil {
				r.Result = failed
				if !errors.As(err, &r.MismatchError) {
					r.Error = err.Error()
				}
			}
		}
		if err := t.print(r); err != nil {
			return err
		}
	}
	return t.end()
}

// sections are those that the flags ask for.
func (c *Cmd) sections() ([]conformance.Section, error) {
	all, err := conformance.Vectors()
	if err != nil {
		return nil, err
	}
	var found []conformance.Section
	for _, section := range all {
		if strings.Contains(strings.ToLower(section.Title), strings.ToLower(c.Only)) && (len(c.Having) == 0 || c.has(section.Flags())) {
			found = append(found, section)
		}
	}
	if len(found) == 0 {
		return nil, config.Errorf("only", "and --having leave no section: --list prints all")
	}
	return found, nil
}

// has reports whether the server was started with exactly these flags, as far as the vectors go.
func (c *Cmd) has(flags []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(c.Having)), slices.Sorted(slices.Values(flags)))
}

// server connects to both paths by the SDK, which explains what fails, and returns what the
// vectors are played against.
func (c *Cmd) server(ctx context.Context) (*conformance.Server, string, error) {
	asPublisher, err := c.Options()
	if err != nil {
		return nil, "", err
	}
	publisher, consumer := c.Connection, c.Connection
	if c.ConsumerKeyFile != "" {
		key, err := config.ReadCredentials("consumer-key-file", c.ConsumerKeyFile)
		if err != nil {
			return nil, "", err
		}
		consumer.Key, consumer.Token = key, nil
	}
	asConsumer, err := consumer.Options()
	if err != nil {
		return nil, "", err
	}
	conn, err := client.Dial(ctx, c.URL(), &client.ConnOptions{Options: asConsumer})
	if err != nil {
		return nil, "", consumer.Failure(err)
	}
	_ = conn.Close() // nothing was asked of it
	ingestor, err := client.DialIngestor(ctx, c.URL(), &client.IngestorOptions{Options: asPublisher})
	if err != nil {
		return nil, "", publisher.Failure(err)
	}
	_ = ingestor.Close()
	servers, err := serverurl.Parse(c.URL())
	if err != nil {
		return nil, "", config.Errorf("url", "%v", err)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: asConsumer.TLSConfig}
	dial := conformance.NewDial(&http.Client{Transport: transport}, servers[0].To, func(path string) (http.Header, error) {
		from := consumer
		if path == protocol.PathIngest {
			from = publisher
		}
		key := from.Key
		if from.Token != nil {
			var err error
			if key, err = from.Token(ctx); err != nil {
				return nil, err
			}
		}
		if key == "" {
			return http.Header{}, nil
		}
		return http.Header{protocol.HeaderAPIKey: {key}}, nil
	})
	return &conformance.Server{Dial: dial, Wait: c.Wait, Retires: true}, servers[0].Shown(""), nil
}

// The results of a section.
const (
	passed  = "ok"
	failed  = "FAIL"
	skipped = "-"
	listed  = ""
)

// row is what became of one section.
type row struct {
	Section string   `json:"section"`
	Page    string   `json:"page"`
	Result  string   `json:"result,omitempty"`
	Needs   []string `json:"needs,omitempty"`
	Error   string   `json:"error,omitempty"`
	*conformance.MismatchError
}

// table prints a row as soon as it is known.
type table struct {
	s      cli.Streams
	width  int
	counts map[string]int
}

func newTable(s cli.Streams, sections []conformance.Section) *table {
	t := &table{s: s, counts: map[string]int{}}
	for _, section := range sections {
		t.width = max(t.width, cli.Width([]string{section.Title}))
	}
	t.width = min(t.width, 60)
	return t
}

func (t *table) print(r row) error {
	t.counts[r.Result]++
	if !t.s.Pretty() {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return t.s.Print(append(line, '\n'))
	}
	text := cli.Column(r.Result, 4) + "  "
	if !cli.NoColor() {
		direction := map[string]int{passed: 1, failed: -1}[r.Result]
		text = cli.StyleOf(direction).Render(cli.Column(r.Result, 4)) + "  "
	}
	if r.Result == listed {
		text = ""
	}
	text += cli.Column(r.Section, t.width)
	text = strings.TrimRight(text, " ") + "\n"
	if len(r.Needs) > 0 && r.Result != passed && r.Result != failed {
		text += "      needs " + strings.Join(r.Needs, ",") + "\n"
	}
	if f := r.MismatchError; f != nil {
		text += lines("the "+f.Role+" sent", cmp.Or(f.Sent, "nothing"), "expected", f.Want, "got", f.Got)
	} else if r.Error != "" {
		text += lines("error", r.Error)
	}
	return t.s.Print([]byte(text))
}

// lines are names and values, below a row.
func lines(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString("      " + cli.Column(pairs[i], 18) + "  " + cli.Printable(pairs[i+1]) + "\n")
	}
	return b.String()
}

func (t *table) end() error {
	t.s.Say("backbone: %d ok, %d failed, %d not played because of what they need (--having)", t.counts[passed], t.counts[failed], t.counts[skipped])
	if t.counts[failed] > 0 {
		return &cli.ExitError{Code: cli.ExitFailed}
	}
	return nil
}
