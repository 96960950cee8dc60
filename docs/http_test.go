package docs_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestHTTPExamples sends the requests that the page shows with curl. Those of one section share a server.
func TestHTTPExamples(t *testing.T) {
	command := regexp.MustCompile(`^curl (?:-d '([^']*)' )?http://127\.0\.0\.1:8080(/\S+)$`)
	sent := 0
	for _, page := range []string{"protocol.md", readme} {
		for _, s := range sections(t, page) {
			blocks := s.Blocks("curl")
			if len(blocks) == 0 {
				continue
			}
			address := "http://" + startServer(t).Addr().String()
			for _, b := range blocks {
				got := ""
				for _, line := range b.Lines {
					if want, answer := strings.CutPrefix(line, "<- "); answer {
						if timeless(got) != timeless(want+"\n") {
							t.Errorf("%s:%d: the answer is %sthe page says %s", page, b.Line, got, want)
						}
						continue
					}
					m := command.FindStringSubmatch(strings.TrimPrefix(line, "-> "))
					if m == nil {
						t.Fatalf("%s:%d: this test cannot send %s", page, b.Line, line)
					}
					sent++
					got = request(t, address+m[2], m[1])
				}
			}
		}
	}
	if sent < 4 {
		t.Errorf("only %d requests: are they marked as such?", sent)
	}
}

// timeless is an answer without the server's epoch and times, which are never the same.
func timeless(answer string) string {
	answer = regexp.MustCompile(`"epoch":"[0-9a-f]{16}(\.\d+","seq":\d+),"at":\d{13}`).ReplaceAllString(answer, `"epoch":"ITS$1,"at":NOW`)
	return regexp.MustCompile(`"age_ms":\d+`).ReplaceAllString(answer, `"age_ms":SHORT`)
}

// request is a GET, or with a body a POST.
func request(t *testing.T, url, body string) string {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
