package transport

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/auth"
	"backbone/internal/auth/authtest"
	"backbone/internal/hub"
	"backbone/internal/rates"
	"backbone/protocol"
)

const (
	keyOfFeed  = "key-of-feed-0123456789"
	keyOfOwner = "key-of-owner-0123456789"
	keyOfUser  = "key-of-user-0123456789"
)

// keeping runs an instance with keys for both roles.
func keeping(t *testing.T, change ...func(*Options)) (*instance, *auth.Access) {
	t.Helper()
	return keepingTo(t, nil, change...)
}

// keepingTo is keeping, with events passed on in place of the hub.
func keepingTo(t *testing.T, events chan<- []hub.BroadcastEvent, change ...func(*Options)) (*instance, *auth.Access) {
	t.Helper()
	access := auth.New(auth.Options{
		Ingest:  keysOf(t, "feed:"+keyOfFeed+` ["BTC_*","BRK B"]`, "owner:"+keyOfOwner),
		Consume: keysOf(t, "user:"+keyOfUser+` ["BTC_*","LOBBY"]`, "owner:"+keyOfOwner),
	})
	return onPipes(t, settings{hubEvents: events, instruments: 10_000, change: func(o *Options) {
		o.Access = access
		for _, c := range change {
			c(o)
		}
	}}), access
}

// One element of a batch that is not allowed loses itself alone, however many there are of it.
func TestAKeyPublishesWhatItsPatternsAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := keeping(t, func(o *Options) { o.Limits.MaxBadMessages = 2 })
		owner := i.connectWith(keyOfOwner, protocol.PathConsume)
		for _, room := range []string{"BTC_USDT", "ETH_USDT", "BRK B"} {
			owner.join(room)
		}
		feed := i.connectWith(keyOfFeed, protocol.PathIngest)
		const forbidden = `{"type":"error","code":"forbidden","message":"instrument: the credentials of this connection do not allow ETH_USDT"`
		for range 5 {
			feed.send("[" + price("ETH_USDT", "1") + "," + price("BTC_USDT", "2") + `,{"type":"price_update","instrument":"ETH_USDT","price":3,"ts":1,"id":"x"},` + price("BRK B", "4") + "]")
			feed.hears(forbidden+`,"index":0}`, forbidden+`,"id":"x","index":2}`)
			owner.hears(price("BTC_USDT", "2"), price("BRK B", "4"))
		}
		for range 5 {
			feed.send(price("ETH_USDT", "1"))
			feed.hears(forbidden + "}")
		}
		feed.send(`[{"type":"retire","instrument":"ETH_USDT"},{"type":"retire","instrument":"BTC_USDT"}]`)
		feed.hears(forbidden + `,"index":0}`)
		owner.hears(protocol.Retired("BTC_USDT"))
		i.connectWith(keyOfOwner, protocol.PathIngest).send(price("ETH_USDT", "5"))
		owner.hears(price("ETH_USDT", "5"))
		if n := i.counts()["requests_refused_total forbidden"]; n != 16 {
			t.Errorf("%d refused", n)
		}
	})
}

// One room that is not allowed is refused alone. What may not be joined can not be sent to.
func TestAConsumerJoinsWhatItsPatternsAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := keeping(t)
		const (
			code    = `"code":"forbidden","message":"room: the credentials of this connection do not allow `
			refused = `{"type":"error",` + code
		)
		user, owner := i.connectWith(keyOfUser, protocol.PathConsume), i.connectWith(keyOfOwner, protocol.PathConsume)
		user.send(`{"type":"join","rooms":["BTC_USDT","ETH_USDT","LOBBY"],"id":"1"}`)
		user.hears(`{"type":"joined","rooms":["BTC_USDT","LOBBY"],"rejected":[{"room":"ETH_USDT",` + code + `ETH_USDT"}],"id":"1"}`)
		user.send(`{"type":"join","room":"ETH_USDT","id":"2"}`, say("ETH_USDT", "hi"), `{"type":"leave","room":"ETH_USDT"}`)
		user.hears(refused+`ETH_USDT","id":"2"}`, refused+`ETH_USDT"}`, `{"type":"error","code":"not_joined","message":"room: ETH_USDT is not joined"}`)
		owner.join("LOBBY")
		user.send(say("LOBBY", "hello"))
		owner.hears(say("LOBBY", "hello"))
		for _, path := range []string{protocol.PathConsume, protocol.PathIngest} {
			if answer, body := i.ask(upgradeTo(path) + "X-API-Key: wrong\r\n\r\n"); answer.StatusCode != 401 || body != "a valid key is required" {
				t.Errorf("%s: %s, %q", path, answer.Status, body)
			}
		}
	})
}

// Who publishes, waits, or is slowed is closed as soon as its key is gone. Others do not notice.
func TestARemovedKeyEndsItsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, access := keeping(t, func(o *Options) { o.Limits.MaxIngestByteRate = rates.PerSecond(100) })
		feed, owner := i.connectWith(keyOfFeed, protocol.PathIngest), i.connectWith(keyOfOwner, protocol.PathIngest)
		slow, user := i.connectWith(keyOfFeed, protocol.PathIngest), i.connectWith(keyOfUser, protocol.PathConsume)
		go slow.Write(masked(ws.OpText, "["+strings.Repeat(price("BTC_USDT", "1")+",", 100)+price("BTC_USDT", "1")+"]")) // which may be cut short
		time.Sleep(1500 * time.Millisecond)
		access.Replace(protocol.Ingestor, keysOf(t, "owner:"+keyOfOwner, "feed:another-key-of-feed-0"))
		i.server.Recheck()
		synctest.Wait()
		feed.closed(protocol.CloseUnauthorized)
		begin := time.Now()
		slow.closed(protocol.CloseUnauthorized)
		if d := time.Since(begin); d > time.Second {
			t.Errorf("a slowed one is closed after %v", d)
		}
		owner.send(`{"type":"ping"}`)
		if _, text, err := owner.next(); err != nil || !strings.Contains(text, "pong") {
			t.Error(text, err)
		}
		user.join("BTC_EUR")
		for _, p := range []*peer{feed, slow} {
			p.Close()
		}
		if n := i.counts()["closes_total 4401"]; n != 2 {
			t.Errorf("%d closed with 4401", n)
		}
		if answer, _ := i.ask(upgradeTo("/ws/ingest") + "X-API-Key: " + keyOfFeed + "\r\n\r\n"); answer.StatusCode != 401 {
			t.Errorf("the removed key: %s", answer.Status)
		}
		access.Replace(protocol.Consumer, keysOf(t, "someone:another-key-of-someone"))
		i.server.Recheck()
		user.closed(protocol.CloseUnauthorized)
	})
}

// A key that is removed while a handshake with it is under way does not stay.
func TestAKeyThatGoesDuringAHandshakeDoesNotStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, access := keeping(t)
		grant, err := access.Admit(protocol.Consumer, keyOfUser, nil)
		if err != nil {
			t.Fatal(err)
		}
		access.Replace(protocol.Consumer, keysOf(t, "owner:"+keyOfOwner))
		p := i.dial()
		place := i.server.place(p)
		place.client, place.granted = &conn{identity: auth.Identity{Role: protocol.Consumer}}, grant
		i.server.registry.come(place)
		if err := i.server.registry.open(place); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := place.news.Load(); n == nil || n.now != nil {
			t.Errorf("news: %+v", n)
		}
		i.server.registry.leave(place)
	})
}

// Other patterns of a key count at once. A consumer that is in a room that it may not be in any more
// has to come again.
func TestOtherPatternsOfAKeyCountAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, access := keeping(t)
		feed := i.connectWith(keyOfFeed, protocol.PathIngest)
		stays, goes := i.connectWith(keyOfUser, protocol.PathConsume), i.connectWith(keyOfUser, protocol.PathConsume)
		stays.join("BTC_USDT")
		goes.join("LOBBY")
		access.Replace(protocol.Ingestor, keysOf(t, "feed:"+keyOfFeed+` ["ETH_*"]`))
		access.Replace(protocol.Consumer, keysOf(t, "user:"+keyOfUser+` ["BTC_USDT","ETH_*"]`))
		i.server.Recheck()
		synctest.Wait()
		goes.closed(protocol.CloseRestart)
		goes.Close()
		stays.join("ETH_USDT")
		feed.send("[" + price("BTC_USDT", "1") + "," + price("ETH_USDT", "2") + "]")
		if _, text, err := feed.next(); err != nil || !strings.Contains(text, `"index":0`) {
			t.Error(text, err)
		}
		stays.hears(price("ETH_USDT", "2"))
		access.Replace(protocol.Consumer, keysOf(t, "another:"+keyOfUser))
		i.server.Recheck()
		stays.closed(protocol.CloseRestart) // its name is that of its connection
	})
}

// tokens runs an instance that asks for the tokens of an issuer.
func tokens(t *testing.T, change ...func(*Options)) (*instance, *authtest.Issuer) {
	t.Helper()
	issuer := authtest.New(t, "k")
	keys, err := auth.ParseTokenKeys("keys", authtest.Set(issuer), []string{"EdDSA"})
	if err != nil {
		t.Fatal(err)
	}
	access := auth.New(auth.Options{Tokens: auth.NewTokens(auth.TokenOptions{Algorithms: []string{"EdDSA"}, Keys: keys})})
	return onPipes(t, settings{change: func(o *Options) {
		o.Access = access
		for _, c := range change {
			c(o)
		}
	}}), issuer
}

func claimsFor(d time.Duration, join ...string) authtest.Claims {
	return authtest.Claims{"sub": "ann", "exp": time.Now().Add(d).Unix(), "backbone.join": join, "backbone.publish": []string{"BTC_*"}}
}

// In a bubble no time passes by itself, so the moment is exact.
func TestATokenEndsItsConnectionsWhenItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, issuer := tokens(t, func(o *Options) { o.Limits.MaxIngestRate = rates.PerSecond(1) })
		begin := time.Now()
		idle := i.connectWith(issuer.Token(claimsFor(40*time.Second, "*")), protocol.PathConsume)
		idle.join("X")
		slow := i.connectWith(issuer.Token(claimsFor(40*time.Second, "*")), protocol.PathIngest)
		go slow.Write(masked(ws.OpText, "["+strings.Repeat(price("BTC_USDT", "1")+",", 200)+price("BTC_USDT", "1")+"]")) // which may be cut short
		ended := make(chan time.Duration, 1)
		go func() {
			for op := ws.OpText; op != ws.OpClose; {
				var err error
				if op, _, err = slow.next(); err != nil {
					t.Errorf("a slowed one: %v", err)
					break
				}
			}
			ended <- time.Since(begin)
		}()
		go func() { // pongs, so that it is not idle for the keep-alive
			for range 3 {
				time.Sleep(12 * time.Second)
				idle.send(`{"type":"ping"}`)
			}
		}()
		for n := 0; n < 3; {
			_, text, err := idle.next()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text, "pong") {
				n++
			}
		}
		idle.closed(protocol.CloseUnauthorized)
		if d := time.Since(begin); d != 40*time.Second {
			t.Errorf("closed after %v", d)
		}
		if d := <-ended; d < 40*time.Second || d > 41*time.Second {
			t.Errorf("a slowed one is closed after %v", d)
		}
	})
}

func TestATokenIsRefreshedInBand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, issuer := tokens(t)
		begin := time.Now()
		p := i.connectWith(issuer.Token(claimsFor(20*time.Second, "BTC_*")), protocol.PathConsume)
		p.join("BTC_USDT")
		refresh := func(token string) { p.send(`{"type":"auth","token":"` + token + `","id":"r"}`) }
		forbidden := func(text string) {
			t.Helper()
			p.hears(`{"type":"error","code":"forbidden","message":"token: ` + text + `","id":"r"}`)
		}
		refresh("x.y.z")
		forbidden("a valid key or token is required")
		refresh(issuer.Token(claimsFor(-time.Hour, "BTC_*")))
		forbidden("the token has expired")
		other := claimsFor(time.Hour, "*")
		other["sub"] = "bob"
		refresh(issuer.Token(other))
		forbidden("is of another name than the connection")
		refresh(issuer.Token(claimsFor(time.Hour, "ETH_*")))
		forbidden("does not allow BTC_USDT, which is joined: leave it first")
		p.send(`{"type":"auth"}`, `{"type":"auth","token":5}`, `{"type":"auth","token":"a","key":"b"}`)
		for _, want := range []string{"token: is required", "token: must be a JSON string", "key: "} {
			if _, text, err := p.next(); err != nil || !strings.Contains(text, want) {
				t.Errorf("%s, %v, want %s", text, err, want)
			}
		}
		time.Sleep(19 * time.Second)
		claims := claimsFor(time.Minute, "BTC_*", "ETH_*")
		refresh(issuer.Token(claims))
		p.hears(fmt.Sprintf(`{"type":"authenticated","expires":%d,"id":"r"}`, claims["exp"].(int64)*1000))
		p.join("ETH_USDT")
		go func() {
			for range 3 {
				time.Sleep(15 * time.Second)
				p.Write(masked(ws.OpText, `{"type":"ping"}`))
			}
		}()
		for {
			op, text, err := p.next()
			if err != nil {
				t.Fatal(err)
			}
			if op == ws.OpClose {
				if !strings.HasSuffix(text, "the token has expired") {
					t.Errorf("closed with %q", text)
				}
				break
			}
		}
		if d := time.Since(begin); d < 79*time.Second || d > 80*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

// Whoever has a key can give another of its name, before the first one is removed.
func TestAKeyIsReplacedInBand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, access := keeping(t)
		const second = "second-key-of-feed-012"
		access.Replace(protocol.Ingestor, keysOf(t, "feed:"+keyOfFeed+` ["BTC_*"]`, "feed:"+second))
		p := i.connectWith(keyOfFeed, protocol.PathIngest)
		p.send(`[{"type":"auth","token":"` + second + `"},` + price("ETH_USDT", "1") + `,{"type":"ping","id":"1"}]`)
		p.hears(`{"type":"authenticated"}`)
		if _, text, err := p.next(); err != nil || !strings.HasPrefix(text, `{"type":"pong","id":"1"`) {
			t.Errorf("%s, %v", text, err)
		}
		access.Replace(protocol.Ingestor, keysOf(t, "feed:"+second))
		i.server.Recheck()
		synctest.Wait()
		p.send(`{"type":"auth","token":"` + keyOfFeed + `"}`)
		p.hears(`{"type":"error","code":"forbidden","message":"token: a valid key is required"}`)
		list := make(chan []*conn, 1)
		i.server.registry.lists <- list
		(<-list)[0].place.news.Store(&news{}) // as if the key had gone while the other one was looked at
		p.send(`{"type":"ping"}`)
		if _, text, err := p.next(); err != nil || !strings.HasPrefix(text, `{"type":"pong"`) {
			t.Errorf("%s, %v", text, err)
		}
		access.Replace(protocol.Ingestor, keysOf(t, "owner:"+keyOfOwner))
		i.server.Recheck()
		p.closed(protocol.CloseUnauthorized)
		open := onPipes(t, settings{}).ingestor()
		open.send(`{"type":"auth","token":"x"}`)
		open.hears(`{"type":"error","code":"forbidden","message":"type: this server asks for no credentials here"}`)
	})
}

// Nothing of a key or a token is in the log, whatever happens to it.
func TestTheLogHasNoCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := make(logLines, 1000)
		i, issuer := tokens(t, func(o *Options) {
			o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		good, bad := issuer.Token(claimsFor(10*time.Second, "*")), authtest.New(t, "k").Token(claimsFor(time.Hour, "*"))
		p := i.connectWith(good, protocol.PathConsume)
		p.send(`{"type":"auth","token":"` + bad + `"}`)
		_, text, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		heard := text
		p.closed(protocol.CloseUnauthorized)
		p.Close()
		for _, path := range []string{"/ws", "/ws/ingest"} {
			for _, header := range []string{"Authorization: Bearer ", "X-API-Key: ", "Sec-WebSocket-Protocol: backbone.v1, bearer.", "authorization : bearer ", "X-API-Key: a\r\nX-API-Key: "} {
				answer, body := i.ask(upgradeTo(path) + header + bad + "\r\n\r\n")
				if answer.StatusCode == 101 {
					t.Errorf("%s is accepted", header)
				}
				heard += body
			}
		}
		synctest.Wait()
		heard += strings.Join(log.take(), "")
		if !strings.Contains(heard, "the signature does not belong") || !strings.Contains(heard, "name=ann") {
			t.Errorf("the log: %s", heard)
		}
		for _, token := range []string{good, bad} {
			for _, part := range strings.Split(token, ".")[1:] {
				if strings.Contains(heard, part) {
					t.Errorf("a part of a token: %s", heard)
				}
			}
		}
	})
}

// Who is busy when its key changes twice is told what became of it in the end.
func TestAKeyThatIsChangedAndThenRemovedEndsItsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, access := keeping(t)
		user := i.connectWith(keyOfUser, protocol.PathConsume)
		user.join("BTC_USDT")
		sent := make(chan struct{})
		go func() { // it asks and does not read, so that its ReadPump waits for a place of its replies
			defer close(sent)
			for range 30 {
				if _, err := user.Write(masked(ws.OpText, `{"type":"ping"}`)); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		for _, keys := range []*auth.Keys{keysOf(t, "user:"+keyOfUser+` ["BTC_*","LOBBY","NEW"]`, "owner:"+keyOfOwner), keysOf(t, "owner:"+keyOfOwner)} {
			access.Replace(protocol.Consumer, keys)
			i.server.Recheck()
			synctest.Wait()
		}
		go func() {
			for {
				if _, _, err := user.next(); err != nil {
					return
				}
			}
		}()
		<-sent
		synctest.Wait()
		if n := i.counts()["closes_total 4401"]; n != 1 {
			t.Errorf("%d closed with 4401", n)
		}
		user.Close()
	})
}

// Which of the keys of a name a client uses is in the log, so that the other one can be removed.
func TestTheLogSaysOnWhichLineAKeyIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := make(logLines, 1000)
		i, access := keeping(t, func(o *Options) {
			o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		access.Replace(protocol.Consumer, keysOf(t, "# keys", "user:"+keyOfUser, "user:"+keyOfOwner))
		p := i.connectWith(keyOfUser, protocol.PathConsume)
		p.send(`{"type":"auth","token":"` + keyOfOwner + `"}`)
		p.hears(`{"type":"authenticated"}`)
		synctest.Wait()
		text := strings.Join(log.take(), "")
		for _, want := range []string{`"connection opened" address=`, "name=user key_line=2\n", `"credentials renewed" address=`, "name=user key_line=3\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in the log: %s", want, text)
			}
		}
	})
}
