//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestThePageHasTheConfigurations puts each of the page's blocks into the configuration that is
// run, and misses none.
func TestThePageHasTheConfigurations(t *testing.T) {
	blocks, err := blocksOf("../../docs/proxies.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(blocks) != len(proxies) {
		t.Errorf("the page has %d configurations that are run, and there are %d proxies", len(blocks), len(proxies))
	}
	for i := range proxies {
		p := &proxies[i]
		text, err := p.configure(blocks[p.name], "/tmp/dir", "127.0.0.1:8001", "127.0.0.1:8002")
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range []string{"8001", "8002"} {
			if strings.Count(text, want) == 0 {
				t.Errorf("%s: no %s in\n%s", p.name, want, text)
			}
		}
		for _, left := range []string{"8080", ":80\n", ":80 ", "BLOCK", "ADDRESS", "PORT", "DIR/"} {
			if strings.Contains(text, left) {
				t.Errorf("%s: %q is left in\n%s", p.name, left, text)
			}
		}
		if _, err := p.configure("", "/tmp/dir", "127.0.0.1:8001", "127.0.0.1:8002"); err == nil {
			t.Errorf("%s: a block without addresses is accepted", p.name)
		}
	}
}

func TestBlocksOfAPage(t *testing.T) {
	for text, want := range map[string]string{
		"a\n```nginx run\nx\ny\n```\nb\n```yaml\nz\n```\n": "x\ny\n",
		"a\n```nginx run\nx\n":                             "error",
		"\n```nginx run\nx\n```\n\n```nginx run\ny\n```\n": "error",
	} {
		file := filepath.Join(t.TempDir(), "page.md")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		blocks, err := blocksOf(file)
		if (err != nil) != (want == "error") || err == nil && (blocks["nginx"] != want || len(blocks) != 1) {
			t.Errorf("%q: %q, %v, want %q", text, blocks, err, want)
		}
	}
}

func TestCells(t *testing.T) {
	for want, m := range map[string]measured{
		"0.21 s, 0.58 s":                 {p50: 211, p99: 583},
		"5.1 s, 12 s; 3 cut off":         {p50: 5100, p99: 12_200, cut: 3},
		"1.0 s, 9.9 s; WRONG: something": {p50: 996, p99: 9949, wrong: "WRONG: something"},
	} {
		if got := m.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
