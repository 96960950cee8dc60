package transport

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"backbone/internal/auth"
	"backbone/internal/auth/authtest"
	"backbone/internal/hub"
	"backbone/protocol"
)

// revoke removes all keys of consumers but a new one.
func revoke(t *testing.T, i *instance, access *auth.Access) {
	t.Helper()
	access.Replace(protocol.Consumer, keysOf(t, "new:key-of-someone-new-0123456"))
	i.server.Recheck()
}

// Who waits to join many rooms when its key goes does not get them.
func TestARemovedKeyEndsAJoinThatWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passed := make(chan []hub.BroadcastEvent, 100)
		i, access := keepingTo(t, passed)
		i.server.joins.Begin(time.Hour, nil)
		p := i.connectWith(keyOfOwner, protocol.PathConsume)
		join, _ := joinOf("A", 10*roomsPerMessage)
		p.send(join)
		time.Sleep(3 * standingEvery / 2)
		revoke(t, i, access)
		begin := time.Now()
		p.closed(protocol.CloseUnauthorized)
		if d := time.Since(begin); d > standingEvery {
			t.Errorf("closed after %v", d)
		}
		p.Close()
		i.waitIdle(time.Minute)
		if len(passed) > 0 {
			t.Error("it got rooms")
		}
		i.server.joins.End()
		i.server.joins.Begin(time.Hour, nil) // its turn is the next one's
		i.server.joins.End()
	})
}

// Who is joining many rooms when its key goes does not get the rest.
func TestARemovedKeyBreaksOffAJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passed := make(chan []hub.BroadcastEvent)
		i, access := keepingTo(t, passed)
		p := i.connectWith(keyOfOwner, protocol.PathConsume)
		join, joined := joinOf("A", 10*roomsPerMessage)
		p.send(join)
		p.hears(joined)
		synctest.Wait() // ingest is being asked
		revoke(t, i, access)
		synctest.Wait()
		count := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case events := <-passed:
					count += len(events)
				case <-time.After(time.Second):
					return
				}
			}
		}()
		p.closed(protocol.CloseUnauthorized)
		p.Close()
		<-done
		i.waitIdle(time.Minute)
		if most := 4 * roomsPerMessage; count == 0 || count > most {
			t.Errorf("ingest passed %d answers, want some and at most %d", count, most)
		}
		if n := i.hub.Stats().Rooms; n != 0 {
			t.Errorf("%d rooms have members", n)
		}
	})
}

// Who gives a token that cannot be checked yet goes when its key does.
func TestARemovedKeyEndsTheWaitForTheKeysOfTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := auth.NewKeySet("http://issuer.invalid", slog.New(slog.DiscardHandler)) // nobody fetches it
		access := auth.New(auth.Options{
			Consume: keysOf(t, "user:"+keyOfUser),
			Tokens:  auth.NewTokens(auth.TokenOptions{Algorithms: []string{"EdDSA"}, Set: away}),
		})
		i := onPipes(t, settings{change: func(o *Options) { o.Access = access }})
		p := i.connectWith(keyOfUser, protocol.PathConsume)
		p.send(`{"type":"auth","token":"` + authtest.New(t, "k").Token(claimsFor(time.Hour, "*")) + `"}`)
		time.Sleep(3 * standingEvery / 2)
		revoke(t, i, access)
		begin := time.Now()
		p.closed(protocol.CloseUnauthorized)
		if d := time.Since(begin); d > standingEvery {
			t.Errorf("closed after %v", d)
		}
		p.Close()
	})
}

// A key that comes back at once leaves no connection whose join was broken off: it would hear nothing more.
func TestAKeyThatComesBackDoesNotKeepABrokenOffJoin(t *testing.T) {
	granted := &auth.Grant{}
	r := &readSide{conn: &conn{place: &place{granted: granted}}, scratch: new(scratch)}
	if !r.pause() {
		t.Fatal("a join with a good key is broken off")
	}
	r.conn.place.news.Store(&news{})
	if r.pause() {
		t.Fatal("a join without a key goes on")
	}
	r.conn.place.news.Store(&news{now: granted})
	if err := r.standing(); !errors.Is(err, errRevoked) {
		t.Errorf("afterwards: %v", err)
	}
}
