package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"backbone/internal/config"
)

const configuration = "configuration.md"

// TestConfigurationListsTheFlags compares the table of flags with those of "backbone serve".
func TestConfigurationListsTheFlags(t *testing.T) {
	var cli struct {
		Config config.File
		config.Serve
	}
	parser, err := kong.New(&cli, config.Env())
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, f := range parser.Model.Flags {
		if f.Name == "help" {
			continue
		}
		row := fmt.Sprintf("| `--%s` | `%s` |", f.Name, f.Envs[0])
		if f.Default != "" {
			row += " `" + f.Default + "`"
		}
		want = append(want, row+" |")
	}
	rows := regexp.MustCompile("(?m)^(\\| `--[a-z-]+` \\| [^|]*\\|[^|]*\\|)")
	for _, m := range rows.FindAllStringSubmatch(read(t, configuration), -1) {
		got = append(got, m[1])
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table has\n%s\nthe flags are\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestConfigurationFile reads the page's file as "backbone serve --config" does.
func TestConfigurationFile(t *testing.T) {
	_, text, _ := strings.Cut(read(t, configuration), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	file := filepath.Join(t.TempDir(), "backbone.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var cli struct {
		Config config.File
		Serve  config.Serve `cmd:""`
	}
	parser, err := kong.New(&cli, kong.Bind(&config.Lines{}))
	if err == nil {
		_, err = parser.Parse([]string{"serve", "--config", file})
	}
	if err != nil {
		t.Fatal(err)
	}
	if cli.Serve.LastPriceTTL != time.Minute || len(cli.Serve.AllowedOrigins) != 1 {
		t.Errorf("the file gives %+v", cli.Serve)
	}
}
