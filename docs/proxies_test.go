package docs_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"backbone/internal/config"
)

// TestProxiesPageAndScriptAreOne compares the page with the program that runs its
// configurations: both have the same proxies, and what was not run is headed so.
func TestProxiesPageAndScriptAreOne(t *testing.T) {
	var want, got []string
	titles := map[string]string{}
	for _, m := range regexp.MustCompile(`name: "(\w+)", title: "(\w+)"`).FindAllStringSubmatch(read(t, "../scripts/proxies/proxies.go"), -1) {
		want, titles[m[2]] = append(want, m[1]), m[1]
	}
	notRun := 0
	for _, s := range sections(t, "proxies.md") {
		for _, b := range s.All {
			run := slices.Equal(b.Flags, []string{"run"})
			switch {
			case b.Role == "sh":
			case run && titles[s.Title] == b.Role:
				got = append(got, b.Role)
			case !run && strings.HasPrefix(s.Title, "Not run: "):
				notRun++
			default:
				t.Errorf("line %d: a block %q %v below %q", b.Line, b.Role, b.Flags, s.Title)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) != 5 || !slices.Equal(got, want) {
		t.Errorf("the page has %q, the script runs %q", got, want)
	}
	if notRun != 2 {
		t.Errorf("the page has %d configurations that were not run", notRun)
	}
	for title := range titles {
		if n := strings.Count(read(t, "proxies.md"), "\n| "+title+" "); n != 2 {
			t.Errorf("%s has %d rows in the tables, expected two", title, n)
		}
	}
}

// TestIdleTimeoutsOfProxiesExceedThePing reads them from the configurations of the page.
func TestIdleTimeoutsOfProxiesExceedThePing(t *testing.T) {
	found := 0
	for _, m := range regexp.MustCompile(`(?im)^.*(?:read.timeout|send.timeout|timeout (?:client|server|tunnel)|proxytimeout|read-idle)\W+(\d+)`).FindAllStringSubmatch(read(t, "proxies.md"), -1) {
		found++
		seconds, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		if idle, ping := time.Duration(seconds)*time.Second, config.Default().PingInterval; idle < 2*ping {
			t.Errorf("%q: ends a connection after %v; the server pings after %v", m[0], idle, ping)
		}
	}
	if found != 8 {
		t.Errorf("found %d idle time-outs", found)
	}
}
