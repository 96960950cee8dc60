package docs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backbone/internal/auth/authtest"
	"backbone/internal/redistest"
	"backbone/protocol"
)

// traffic holds what servers send to their schemas, and remembers which keys of which messages came.
type traffic struct {
	schemas *schemas
	heard   map[string]bool // "type key"
}

func newTraffic(t *testing.T) *traffic {
	return &traffic{schemas: readSchemas(t, "server.json"), heard: map[string]bool{}}
}

func (c *traffic) hear(t *testing.T, message string) {
	t.Helper()
	if c == nil {
		return
	}
	if err := c.schemas.check(t, "", message); err != nil {
		t.Errorf("a server sends %s\nwhich is not valid: %v", message, err)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal([]byte(message), &keys); err != nil {
		t.Fatal(err)
	}
	for key := range keys {
		c.heard[strings.Trim(string(keys["type"]), `"`)+" "+key] = true
	}
}

// rare are keys that no test here hears: an instance must miss a retirement and learn of it later, or have more rooms than fit a reply.
var rare = map[string]bool{"retired snapshot": true, "retired age_ms": true, "rooms more": true}

// complete sees that every key of every message in the schemas has come from a server.
func (c *traffic) complete(t *testing.T) {
	for name, properties := range c.schemas.messages() {
		for key := range properties {
			if what := name + " " + key; c.heard[what] == rare[what] {
				t.Errorf("%s: heard: %t, said to be rare: %t", what, c.heard[what], rare[what])
			}
		}
	}
}

// playRare provokes the messages that no example of the page does.
func (c *traffic) playRare(t *testing.T) {
	for name, play := range map[string]func(*testing.T){
		"auth": c.playAuth, "slow": c.playSlow, "retire": c.playRetire, "bridge": c.playBridge, "draining": c.playDraining,
	} {
		t.Run(name, play)
	}
}

// connect returns a client whose messages are heard.
func (c *traffic) connect(t *testing.T, address, path, offer string) *peer {
	t.Helper()
	p := dialOffering(t, address, path, offer)
	p.traffic = c
	return p
}

// until hears messages up to the first that begins so.
func (p *peer) until(begin string) string {
	p.t.Helper()
	for {
		if got := p.hear(); strings.HasPrefix(got, begin) {
			return got
		}
	}
}

func (c *traffic) playAuth(t *testing.T) {
	issuer := authtest.New(t, "1")
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, authtest.Set(issuer), 0o600); err != nil {
		t.Fatal(err)
	}
	token := issuer.Token(authtest.Claims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix()})
	p := c.connect(t, startServer(t, "--jwt-key-file", keys).Addr().String(), protocol.PathConsume, protocol.BearerPrefix+token)
	p.say(`{"type":"auth","token":"` + token + `","id":"1"}`)
	p.until(`{"type":"authenticated"`)
}

// playSlow has a consumer leave its marks unanswered until prices and messages were left out.
func (c *traffic) playSlow(t *testing.T) {
	address := startServer(t).Addr().String()
	slow := c.connect(t, address, protocol.PathConsume, "")
	slow.say(`{"type":"join","room":"X","marks":true}`)
	slow.until(`{"type":"joined"`)
	ingestor := c.connect(t, address, protocol.PathIngest, "")
	long := strings.Repeat("x", protocol.MaxDataBytes-100)
	for n := range 100 {
		ingestor.say(fmt.Sprintf(`{"type":"price_update","instrument":"X","price":%d,"ts":1,"data":{"long":"%s"}}`, n, long))
	}
	ingestor.say(`{"type":"ping"}`)
	ingestor.until(`{"type":"pong"`)
	other := c.connect(t, address, protocol.PathConsume, "")
	other.say(`{"type":"join","room":"X"}`)
	for range 40 {
		other.say(`{"type":"message","room":"X","data":"` + strings.Repeat("x", protocol.MaxChatBytes) + `"}`)
		other.until(`{"type":"message"`)
	}
	conflated, lost, aged := false, false, false
	for !conflated || !lost || !aged {
		got := slow.hear()
		var m protocol.ServerMessage
		if err := json.Unmarshal([]byte(got), &m); err != nil {
			t.Fatal(err)
		}
		switch m.Type {
		case protocol.TypeConflated:
			conflated = true
		case protocol.TypeLost:
			lost = true
		case protocol.TypeMark:
			aged = aged || m.AgeMS != nil
			slow.say(fmt.Sprintf(`{"type":"marked","n":%d}`, m.N))
		}
	}
}

func (c *traffic) playRetire(t *testing.T) {
	address := startServer(t).Addr().String()
	consumer := c.connect(t, address, protocol.PathConsume, "")
	consumer.say(`{"type":"join","room":"X","stamp":true}`)
	consumer.until(`{"type":"joined"`)
	ingestor := c.connect(t, address, protocol.PathIngest, "")
	ingestor.say(`{"type":"price_update","instrument":"X","price":1,"ts":1}`)
	ingestor.say(`{"type":"retire","instrument":"X"}`)
	consumer.until(`{"type":"retired"`)
}

func (c *traffic) playBridge(t *testing.T) {
	address := startServer(t, "--redis-url", "redis://"+redistest.Start(t).Addr()).Addr().String()
	p := c.connect(t, address, protocol.PathConsume, "")
	p.say(`{"type":"join","room":"X","status":true}`)
	p.until(`{"type":"status","bridge"`)
}

func (c *traffic) playDraining(t *testing.T) {
	server := startServer(t, "--drain-window=10ms")
	p := c.connect(t, server.Addr().String(), protocol.PathConsume, "")
	p.say(`{"type":"ping"}`)
	p.until(`{"type":"pong"`)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop() }()
	p.until(`{"type":"draining"`)
	p.conn.Close() // or else the server waits for its answer to the close
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
