package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"backbone/internal/config"
)

// What the example says is what holds without it.
func TestTheExampleParsesToTheDefaults(t *testing.T) {
	var b strings.Builder
	if err := config.WriteExample(&b); err != nil {
		t.Fatal(err)
	}
	example := b.String()
	got, err := parse(t, "--config", write(t, example))
	if err != nil || !reflect.DeepEqual(got, config.Default()) {
		t.Errorf("error %v, parsed %+v, want %+v", err, got, config.Default())
	}
	k, err := kong.New(&struct{ config.Serve }{})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range k.Model.Flags {
		if lines := regexp.MustCompile(`(?m)^(# )?`+flag.Name+`: .+$`).FindAllString(example, -1); len(lines) != 1 && flag.Name != "help" {
			t.Errorf("%s: lines %q, want one", flag.Name, lines)
		}
	}
	// Each line that is a comment can be made one that counts.
	all := regexp.MustCompile(`(?m)^# ([a-z-]+: \S+)$`).ReplaceAllString(example, "$1")
	path := write(t, all)
	if mistakes, err := config.CheckFile(k.Model, path); err != nil || len(mistakes) > 0 || all == example {
		t.Errorf("with every line: %v, %v", mistakes, err)
	}
}

func TestEveryMistakeOfAFileIsNamedWithItsLine(t *testing.T) {
	k, err := kong.New(new(program), config.Env())
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, "max-roms: 1\nmax-connections: many\nurl: ws://h\nlog-level: loud\nlast-price-ttl: 5\nallowed-origins: [[a]]\ntls-cert: [a, b]\nmax-rooms: 0\nredis-store-interval: 1us\nlisten: :80\ncolour: blue\n")
	mistakes, err := config.CheckFile(k.Model, path)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`1: unknown key "max-roms": did you mean max-rooms?`,
		`2: --max-connections: expected a valid 64 bit int but got "many"`,
		`4: --log-level must be one of debug, info, warn, error, not "loud"`,
		`5: --last-price-ttl: expected duration but got "5": time: missing unit in duration "5"`,
		`6: allowed-origins takes a list of plain values`,
		`7: tls-cert takes one value, not a list`,
		`8: --max-rooms must be at least 1, not 0`,
		`9: --redis-store-interval must be 0 or at least 1ms, not 1µs`,
		`11: unknown key "colour": keys are the names of flags, as --help shows them`,
	}
	for i := range max(len(want), len(mistakes)) {
		if i >= len(want) || i >= len(mistakes) || mistakes[i].Error() != path+":"+want[i] {
			t.Fatalf("mistake %d of %v, want %q", i, mistakes, want)
		}
	}
	if _, err := config.CheckFile(k.Model, filepath.Join(t.TempDir(), "absent")); !os.IsNotExist(err) {
		t.Errorf("absent: %v", err)
	}
	if mistakes, err := config.CheckFile(k.Model, write(t, "a: [")); err != nil || len(mistakes) != 1 {
		t.Errorf("no YAML: %v, %v", mistakes, err)
	}
}

func TestSettingsSayWhereTheyComeFrom(t *testing.T) {
	path := write(t, "max-rooms: 1\nmax-connections: 1\n\nallowed-origins: [https://a.example, 'https://b.example']\nmax-instruments: 7\n")
	t.Setenv("BACKBONE_MAX_CONNECTIONS", "2")
	t.Setenv("BACKBONE_MAX_INSTRUMENTS", "")
	t.Setenv("BACKBONE_REDIS_URL", "redis+sentinel://u:secret-1@a,b/m?sentinel_password=secret-2&db=3")
	var lines config.Lines
	k, err := kong.New(new(program), config.Env(), kong.Bind(&lines))
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := k.Parse([]string{"serve", "--config", path, "--max-rooms=3"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]config.Setting{}
	for _, s := range config.Settings(ctx, &lines) {
		if strings.Contains(s.Value, "secret") {
			t.Errorf("%s shows %s", s.Name, s.Value)
		}
		got[s.Name] = s
	}
	for _, want := range []config.Setting{
		{Name: "max-rooms", Value: "3", Source: "flag"},
		{Name: "max-connections", Value: "2", Source: "BACKBONE_MAX_CONNECTIONS"},
		{Name: "max-instruments", Value: "7", Source: path + ":5"},
		{Name: "allowed-origins", Value: "['https://a.example', 'https://b.example']", Source: path + ":4"},
		{Name: "last-price-ttl", Value: "30s", Source: "default"},
		{Name: "redis-url", Value: "redis+sentinel://u:xxxxx@a,b/m?db=3&sentinel_password=xxxxx", Source: "BACKBONE_REDIS_URL", Hidden: true},
	} {
		if got[want.Name] != want {
			t.Errorf("%+v, want %+v", got[want.Name], want)
		}
	}
	t.Setenv("BACKBONE_REDIS_URL", "")
	edge, err := k.Parse([]string{"serve", "--upstream=wss://h/?token=secret,ws://g", "--jwt-jwks-url=https://i/k?token=secret"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range config.Settings(edge, &lines) {
		if (s.Name == "upstream" || s.Name == "jwt-jwks-url") && (!strings.Contains(s.Value, "?...") || strings.Contains(s.Value, "secret") || !s.Hidden) {
			t.Errorf("%+v", s)
		}
	}
}
