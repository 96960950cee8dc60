package transport

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/auth"
	"backbone/internal/refusals"
	"backbone/protocol"
)

// logLines are the lines of a log; one that finds no place is missing.
type logLines chan string

func (l logLines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}

func (l logLines) take() (all []string) {
	for len(l) > 0 {
		all = append(all, <-l)
	}
	return all
}

// refusing runs an instance that refuses for many reasons, and has its log.
func refusing(t *testing.T, level slog.Level) (*instance, logLines) {
	t.Helper()
	keys := keysOf(t, "feed:sesame-open-up-now")
	log := make(logLines, 1000)
	return onPipes(t, settings{change: func(o *Options) {
		o.Access, o.Limits.MaxConnectionsPerAddress = auth.New(auth.Options{Ingest: keys}), 1
		o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level}))
	}}), log
}

// refuse sends a request that is refused, and waits until its connection is closed. It takes no time.
func (i *instance) refuse(path string, headers ...string) {
	i.t.Helper()
	c := i.dial()
	go io.WriteString(c, upgradeTo(path)+strings.Join(append(headers, "", ""), "\r\n"))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || answer.StatusCode == http.StatusSwitchingProtocols {
		i.t.Fatalf("%q: %v, %v", headers, answer, err)
	}
	c.Close()
	answer.Body.Close()
	synctest.Wait()
}

func TestTheLogSaysWhoWasRefusedAndWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, log := refusing(t, slog.LevelInfo)
		expect := func(status string, texts ...string) {
			t.Helper()
			lines := log.take()
			time.Sleep(refusals.Every) // or else the next of its kind would have no line
			if len(lines) != 1 {
				t.Fatalf("%s: %d lines: %q", status, len(lines), lines)
			}
			for _, text := range append(texts, "level=INFO", `msg="handshake refused"`, "address=192.0.2.1:1234", "status="+status) {
				if !strings.Contains(lines[0], text) {
					t.Errorf("%s: not in the line: %s\n%s", status, text, lines[0])
				}
			}
			for _, secret := range []string{"sesame", "token"} {
				if strings.Contains(lines[0], secret) {
					t.Errorf("%s: a secret in the line: %s", status, lines[0])
				}
			}
		}
		i.refuse("/ws/ingest?token=a", "X-API-Key: sesame-open-up-nox")
		expect("401", "role=INGESTOR", "the key is not among the keys")
		i.refuse("/ws?token=a", "Origin: https://"+strings.Repeat("evil", 100), "X-API-Key: sesame-open-up-now")
		expect("403", "role=CONSUMER", "origin=https://evil", "host=backbone", "not allowed")
		i.refuse("/ws/ingest", "X-API-Key sesame-open-up-now")
		expect("400", "has no colon")
		i.refuse("/ws/ingest", "X-API-Key:", " sesame-open: up-now")
		expect("400", "header (left out): a name has no blanks")
		i.refuse("/ws/ingest", `sesame"open"up: "`+"\x00")
		expect("400", "header (left out): a name has no blanks")
		i.refuse("/ws", "Content-Length: 5")
		expect("400", "Content-Length: a handshake has no body")
		open := i.dial()
		go io.WriteString(open, upgradeTo("/ws")+"\r\n")
		synctest.Wait()
		i.refuse("/ws")
		expect("429", "too many connections from this address")
		i.server.Drain(t.Context(), 0)
		i.refuse("/ws")
		expect("503", "stopping")
	})
}

func TestRefusalsThatHadNoLineAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, log := refusing(t, slog.LevelInfo)
		wrong := func(n int) {
			for range n {
				i.refuse("/ws/ingest", "X-API-Key: wrong")
			}
		}
		count := func(what string, lines []string, want int) {
			t.Helper()
			if len(lines) != want {
				t.Fatalf("%s: %d lines, not %d: %q", what, len(lines), want, lines)
			}
		}
		wrong(21)
		count("a flood", log.take(), 1)
		i.refuse("/ws", "Origin: https://evil.example")
		count("another kind during it", log.take(), 1)
		time.Sleep(refusals.Every)
		wrong(2)
		lines := log.take()
		count("later", lines, 1)
		if want := "left_out=20"; !strings.Contains(lines[0], "status=401") || !strings.Contains(lines[0], want) {
			t.Errorf("not in the line: %s\n%s", want, lines[0])
		}
		time.Sleep(refusals.Rest)
		lines = log.take()
		count("the rest", lines, 1)
		if want := "status=401 left_out=1"; !strings.Contains(lines[0], want) {
			t.Errorf("not in the line: %s\n%s", want, lines[0])
		}
		time.Sleep(refusals.Rest)
		count("once it is told", log.take(), 0)
		wrong(1 + 3)
		log.take()
		i.endServe()
		<-i.served
		if lines := log.take(); len(lines) != 1 || !strings.Contains(lines[0], "left_out=3") {
			t.Errorf("at the end: %q", lines)
		}
	})
}

func TestADebugLogHasAllRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, log := refusing(t, slog.LevelDebug)
		for range 25 {
			i.refuse("/ws/ingest")
		}
		if n := len(log.take()); n != 25 {
			t.Errorf("%d lines", n)
		}
	})
}

// Who does what no client should do is told when it is closed for that.
func TestTheLogSaysWhoWasClosedAndWhy(t *testing.T) {
	for text, sent := range map[string][]byte{
		`code=4429 address=192.0.2.1:1234 role=CONSUMER name="" reason="too many bad messages in a minute" last_error=invalid_json`: bytes.Repeat(masked(ws.OpText, "ping"), 1000),
		`code=4429 address=192.0.2.1:1234 role=CONSUMER name="" reason="too many messages past the rate" last_error=rate_limited`:   bytes.Repeat(masked(ws.OpPing, ""), 2100),
		`code=1002 address=192.0.2.1:1234 role=CONSUMER name="" reason="frames from client`:                                         []byte("\x81\x01x"),
		`code=1009`: head(0x81, true, 1<<20),
		"":          masked(ws.OpClose, closing(protocol.CloseProtocolError, "")), // its own word for something
	} {
		synctest.Test(t, func(t *testing.T) {
			log := make(logLines, 100)
			i := onPipes(t, settings{change: func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(log, nil)) }})
			p := i.consumer()
			go io.Copy(io.Discard, p)
			go p.Write(sent)
			synctest.Wait()
			p.Close()
			i.waitIdle(time.Minute)
			switch lines := log.take(); {
			case text == "" && len(lines) == 0:
			case len(lines) != 1 || text == "" || !strings.Contains(lines[0], `level=INFO msg="connection closed" `+text):
				t.Errorf("%q\nwant %s", lines, text)
			}
		})
	}
}
