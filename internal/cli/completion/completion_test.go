package completion

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// What bash shows of a value is cut where bash cuts words, and quoted unless a quote is open.
func TestBashGetsWhatItIsToInsert(t *testing.T) {
	t.Parallel()
	const breaks = " \t\n\"'><=;|&(:"
	for _, c := range []struct{ line, begin, word, insert string }{
		{`backbone subscribe BTC/USD:B`, "BTC/USD:B", "BTC/USD:BTC", "BTC"},
		{`backbone subscribe BTC/USD:`, "BTC/USD:", "BTC/USD:BTC", "BTC"},
		{`backbone subscribe "BTC/USD:B`, "BTC/USD:B", "BTC/USD:BTC", "BTC/USD:BTC"},
		{`backbone subscribe 'BRK `, "BRK ", "BRK B", "BRK B"},
		{`backbone subscribe BRK\ `, "BRK ", "BRK B", `BRK\ B`},
		{`backbone subscribe a\:b`, "a:b", "a:bc", "a:bc"},
		{`backbone top --sort=c`, "--sort=c", "--sort=conflated", "conflated"},
		{`backbone subscribe `, "", "^GSPC", `\^GSPC`},
		{`backbone subscribe "x y" `, "", "$X", `\$X`},
		{`backbone subscribe ""`, "", "A", "A"},
	} {
		l := split(c.line, breaks)
		if last := l.words[len(l.words)-1]; last != c.begin {
			t.Errorf("%s: the last word is %q, want %q", c.line, last, c.begin)
		}
		if got := l.insert(c.word); got != c.insert {
			t.Errorf("%s: %q is inserted for %q, want %q", c.line, got, c.word, c.insert)
		}
	}
	if got := split(`backbone  subscribe "x y" 'a'b`, breaks).words; !slices.Equal(got, []string{"backbone", "subscribe", "x y", "ab"}) {
		t.Errorf("the words are %q", got)
	}
	if got := split("backbone subscribe BTC/USD:B", " ").insert("BTC/USD:BTC"); got != "BTC/USD:BTC" {
		t.Errorf("without the colon in COMP_WORDBREAKS %q is inserted", got)
	}
}

type grammar struct {
	Config string `placeholder:"FILE" help:"A file."`
	Watch  watch  `cmd:"" aliases:"w" help:"Watch it. And more."`
	Secret watch  `cmd:"" hidden:""`
	Tail   tail   `cmd:"" hidden:""`
	Sub    struct {
		One struct{} `cmd:""`
		Two struct{} `cmd:""`
	} `cmd:""`
}

type watch struct {
	Rooms []string `arg:"" name:"room"`
	Sort  string   `enum:"age,rooms" default:"age" help:"Order."`
	Also  []string `help:"Also."`
	Quick bool     `help:"Quick."`
	URL   string   `name:"url"`
}

func (*watch) Values(name string) []string {
	return map[string][]string{"room": {"BTC:USD", "ETH"}}[name]
}

// tail is a command whose server knows three rooms.
type tail struct {
	Rooms    []string `arg:"" name:"room"`
	URL      string   `name:"url"`
	Prefixes []string `name:"prefix" placeholder:"PREFIX"`
	Named    string   `name:"named"`
}

func (*tail) ListRooms(_ context.Context, prefix string) (found []string, _ error) {
	for _, room := range []string{"BTC/USD:BTC", "BTC_USDT", "ETH USDT"} {
		if strings.HasPrefix(room, prefix) {
			found = append(found, room)
		}
	}
	return found, nil
}

func TestRoomsAreThoseOfTheServer(t *testing.T) {
	t.Parallel()
	var asked []string
	list := rooms(t.Context(), func(words ...string) (any, error) {
		asked = words
		if slices.Contains(words, "--wrong") {
			return nil, errors.New("no such flag")
		}
		return new(tail), nil
	})
	parser, err := kong.New(new(grammar))
	if err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]string{
		"tail ":              "BTC/USD:BTC,BTC_USDT,ETH USDT",
		"tail E":             "ETH USDT",
		"tail BTC_USDT B":    "BTC/USD:BTC", // it was named
		"tail --url ws://a ": "BTC/USD:BTC,BTC_USDT,ETH USDT",
		"tail --url ":        "",
		"tail --wrong E":     "",
		"help tail ":         "",

		"tail --prefix ":               "BTC/,BTC_,ETH USDT",
		"tail --prefix B":              "BTC/,BTC_",
		"tail --prefix BTC/U":          "BTC/USD:",
		"tail --prefix=BTC_":           "--prefix=BTC_USDT",
		"tail --prefix BTC_ --prefix ": "BTC/,ETH USDT",
		"tail --prefix X":              "",
		"tail --wrong --prefix ":       "",
		"tail --named ":                "",
	} {
		words := strings.Split(typed, " ")
		last := len(words) - 1
		found, _ := complete(parser.Model, words[:last], words[last], list)
		var got []string
		for _, c := range found {
			got = append(got, c.word)
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%q: %s, want %s", typed, got, want)
		}
	}
	_, _ = complete(parser.Model, []string{"tail", "--url", "ws://a"}, "E", list)
	if got := strings.Join(asked, " "); got != "tail --url ws://a x" {
		t.Errorf("the command line with a room is %s", got)
	}
}

func none([]string, string) []string { return nil }

func TestWhatCanFollow(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(new(grammar))
	if err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]string{
		"":                     "watch sub help",
		"w":                    "watch",
		"help ":                "watch sub",
		"help sub ":            "one two",
		"sub ":                 "one two",
		"sub o":                "one",
		"-":                    "--help --config --version",
		"watch --":             "--sort --also --quick --url --help --config",
		"w --sort age --":      "--also --quick --url --help --config",
		"watch --also x --a":   "--also",
		"watch --sort ":        "age rooms",
		"watch --sort=r":       "--sort=rooms",
		"watch --sort=age ":    "BTC:USD ETH",
		"watch --nothing=":     "",
		"watch --url ":         "",
		"watch --quick ":       "BTC:USD ETH",
		"watch A B E":          "ETH",
		"watch -- -":           "",
		"watch -- B":           "BTC:USD",
		"watch --config ":      "files",
		"watch --config=":      "files",
		"watch --config f --q": "--quick",
		"sub one x":            "",
	} {
		words := strings.Split(typed, " ")
		last := len(words) - 1
		found, files := complete(parser.Model, words[:last], words[last], none)
		var got []string
		for _, c := range found {
			got = append(got, c.word)
		}
		if files {
			got = append(got, "files")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %s, want %s", typed, got, want)
		}
	}
	if found, _ := complete(parser.Model, nil, "wat", none); len(found) != 1 || found[0].means != "Watch it." {
		t.Errorf("found %v", found)
	}
}
