package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"backbone/internal/config"
)

type program struct {
	Config config.File
	Serve  config.Serve `cmd:""`
	Other  struct {
		URL string
	} `cmd:""`
}

// parse is what a program with these flags does with args.
func parse(t *testing.T, args ...string) (config.Serve, error) {
	t.Helper()
	var p program
	k, err := kong.New(&p, config.Env(), kong.Bind(&config.Lines{}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := k.Parse(append([]string{"serve"}, args...))
	if err == nil {
		err = config.RefuseSecretFlags(ctx)
	}
	return p.Serve, err
}

func TestAnEmptyVariableIsNotSet(t *testing.T) {
	for _, name := range []string{
		"CONFIG", "LISTEN", "MAX_ROOMS", "LAST_PRICE_TTL", "INSECURE_NO_AUTH", "LOG_FORMAT", "REDIS_URL", "ALLOWED_ORIGINS", "REDIS_PREFIX",
	} {
		t.Setenv("BACKBONE_"+name, "")
	}
	if got, err := parse(t); err != nil || got.Listen != config.Default().Listen || got.MaxRooms != 10000 || got.RedisPrefix != "backbone:" {
		t.Errorf("parsed %+v, %v", got, err)
	}
	if got, err := parse(t, "--config", write(t, "max-rooms: 7\n")); err != nil || got.MaxRooms != 7 {
		t.Errorf("with a file: %d rooms, %v", got.MaxRooms, err)
	}
	t.Setenv("BACKBONE_ADMIN_LISTEN", "") // turns it off
	if got, err := parse(t); err != nil || got.AdminListen != "" {
		t.Errorf("admin address %q, %v", got.AdminListen, err)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backbone.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaultsAreValidAndWhatAnEmptyCommandLineGives(t *testing.T) {
	want := config.Default()
	if err := want.Validate(); err != nil {
		t.Fatal(err)
	}
	got, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	if got.Listen != "127.0.0.1:8080" || got.Listen != want.Listen || got.ClientQueueBytes != want.ClientQueueBytes {
		t.Errorf("parsed %+v, want %+v", got, want)
	}
	if want.LastPriceTTL != 30*time.Second || want.ClientQueueBytes != 262144 || want.MaxRooms != 10000 {
		t.Errorf("defaults are %+v", want)
	}
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	file := write(t, `
# one line per flag
max-rooms: 1
max-connections: 1
max-bad-messages: 1
last-price-ttl: 1m
redis-url: redis://h
redis-prefix: '007:'
allowed-origins: [https://a.example, 'https://b.example:8443']
insecure-no-auth: true
url: ws://for-another-subcommand
`)
	t.Setenv("BACKBONE_CONFIG", file)
	t.Setenv("BACKBONE_MAX_ROOMS", "2")
	t.Setenv("BACKBONE_MAX_CONNECTIONS", "2")
	got, err := parse(t, "--max-rooms=3")
	if err != nil {
		t.Fatal(err)
	}
	if got.MaxRooms != 3 || got.MaxConnections != 2 || got.MaxBadMessages != 1 || got.MaxInstruments != 100000 {
		t.Errorf("rooms %d, connections %d, bad %d, instruments %d; want 3 (flag), 2 (env), 1 (file), 100000 (default)",
			got.MaxRooms, got.MaxConnections, got.MaxBadMessages, got.MaxInstruments)
	}
	if got.LastPriceTTL != time.Minute || got.RedisPrefix != "007:" || !got.InsecureNoAuth {
		t.Errorf("from the file: %+v", got)
	}
	if len(got.AllowedOrigins) != 2 || got.AllowedOrigins[1] != "https://b.example:8443" {
		t.Errorf("origins from the file: %q", got.AllowedOrigins)
	}
}

func TestAFileMayBeJSONOrEmpty(t *testing.T) {
	for text, rooms := range map[string]int{
		`{"max-rooms": 5, "allowed-origins": "*"}`: 5,
		"":                    10000,
		"# nothing\n":         10000,
		"max-rooms: 8 ":       8,
		"max-rooms: 9\n---\n": 9, // what follows is empty
	} {
		got, err := parse(t, "--config", write(t, text))
		if err != nil || got.MaxRooms != rooms {
			t.Errorf("%q: max-rooms %d, error %v; want %d", text, got.MaxRooms, err, rooms)
		}
	}
}

func TestAWrongFileIsNamedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"max-rooms: 1\nlisten-port: x\n":    `backbone.yaml:2: unknown key "listen-port": keys are the names of flags`,
		"max-roms: 1\n":                     `backbone.yaml:1: unknown key "max-roms": did you mean max-rooms?`,
		"config: other.yaml":                `unknown key "config"`,
		"max-rooms: 1\nmax-rooms: 2":        `backbone.yaml:2: key "max-rooms" is there twice`,
		"max-rooms: 1\n---\nmax-rooms: 2":   `backbone.yaml:2: another document begins here`,
		"# one\n---\n---\nmax-rooms: 2":     `backbone.yaml:3: another document begins here`,
		`{"max-rooms":1} {"max-rooms":2}`:   `did not find expected`,
		"- a\n- b":                          "must hold lines like",
		"just text":                         "must hold lines like",
		"max-rooms: [1, 2]":                 "takes one value, not a list",
		"max-rooms: {a: 1}":                 "takes a plain value",
		"allowed-origins: [[a]]":            "takes a list of plain values",
		"max-rooms: many":                   "--max-rooms",
		"max-rooms: 0":                      "--max-rooms must be at least 1, not 0",
		"listen: \"unclosed":                "backbone.yaml",
		"log-level: loud":                   "--log-level",
		"last-price-ttl: 5":                 "--last-price-ttl",
		"allowed-origins: https://a.b/path": "--allowed-origins must be * or origins",
	} {
		_, err := parse(t, "--config", write(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: the error has more than one line: %v", text, err)
		}
	}
}

func TestAFileThatCanNotBeReadIsTheMachinesRefusal(t *testing.T) {
	_, err := parse(t, "--config", filepath.Join(t.TempDir(), "absent.yaml"))
	var onDisk *fs.PathError
	var usage *config.Error
	if !errors.As(err, &onDisk) || errors.As(err, &usage) {
		t.Errorf("error %v (%T), want a *fs.PathError and no *config.Error", err, err)
	}
}

func TestAVariableThatIsNoSettingIsNamedWithTheNearest(t *testing.T) {
	k, err := kong.New(new(program), config.Env(), kong.Bind(&config.Lines{}))
	if err != nil {
		t.Fatal(err)
	}
	got := config.FindStrays(k.Model, []string{
		"BACKBONE_MAX_ROMS=5", "BACKBONE_MAX_ROOMS=5", "BACKBONE_LISTN=x", "BACKBONE_COLOUR_OF_THE_SKY=blue", "BACKBONE_API_KEY=k", "BACKBONES=1", "PATH=/",
		"BACKBONE_SERVICE_HOST=10.0.0.1", "BACKBONE_SERVICE_PORT_HTTP=80", "BACKBONE_PORT=tcp://10.0.0.1:80", "BACKBONE_PORT_80_TCP_ADDR=10.0.0.1", "BACKBONE_ADMIN_SERVICE_PORT=81",
	}, "BACKBONE_API_KEY")
	want := config.Strays{
		"the variable BACKBONE_COLOUR_OF_THE_SKY is no setting and is ignored",
		"the variable BACKBONE_LISTN is no setting and is ignored: did you mean BACKBONE_LISTEN?",
		"the variable BACKBONE_MAX_ROMS is no setting and is ignored: did you mean BACKBONE_MAX_ROOMS?",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAFileMayBeginWithAByteOrderMark(t *testing.T) {
	for name, text := range map[string]string{
		"UTF-8": "\ufeffmax-rooms: 5\r\n", "UTF-16": "\xff\xfe" + strings.Join(strings.Split("max-rooms: 5\r\n", ""), "\x00") + "\x00",
	} {
		if got, err := parse(t, "--config", write(t, text)); err != nil || got.MaxRooms != 5 {
			t.Errorf("%s: max-rooms %d, error %v", name, got.MaxRooms, err)
		}
	}
}
