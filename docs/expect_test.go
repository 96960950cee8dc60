//go:build unix

package docs_test

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// varies is what is another time another: clocks, times, rates.
var varies = regexp.MustCompile(`(?:\d{4}/\d\d/\d\d )?\d\d:\d\d:\d\d(?:\.\d+)?|[\d.]+ (?:ms|us|s)\b|[\d,]+/s\b|\b\d{13}\b`)

// pattern matches a line that has the text as a part.
func pattern(text string) *regexp.Regexp {
	var p strings.Builder
	for i, part := range strings.Split(text, "...") {
		if i > 0 {
			p.WriteString(".*")
		}
		for {
			at := varies.FindStringIndex(part)
			if at == nil {
				break
			}
			p.WriteString(regexp.QuoteMeta(part[:at[0]]) + `[\d:.,/ ]+(?: ?[a-z/]+)?`)
			part = part[at[1]:]
		}
		p.WriteString(regexp.QuoteMeta(part))
	}
	return regexp.MustCompile(p.String())
}

// expect reads until each line of want was a part of a line.
func expect(t *testing.T, at string, r io.Reader, want string) {
	t.Helper()
	if f, ok := r.(*os.File); ok {
		if err := f.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	var got, line bytes.Buffer
	for text := range strings.Lines(want) {
		wanted := pattern(strings.TrimSuffix(text, "\n"))
		for found := false; !found; {
			var b [1]byte // no byte of what comes behind is taken
			if _, err := io.ReadFull(r, b[:]); err != nil {
				t.Fatalf("%s: %v: no line has %q in\n%s", at, err, text, &got)
			}
			got.WriteByte(b[0])
			if line.WriteByte(b[0]); b[0] == '\n' {
				found = wanted.MatchString(line.String())
				line.Reset()
			}
		}
	}
	t.Logf("%s:\n%s", at, &got)
}
