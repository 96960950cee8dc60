package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backbone/protocol"
)

// tokenUntil is what a client takes for a token. Only a server verifies one.
func tokenUntil(at time.Time) string {
	return "h." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, at.Unix())) + ".s"
}

func TestATokenIsRenewedBeforeItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, life := newPipeServer(t), 10*time.Minute
		var calls atomic.Int64
		c, p := s.consumer(ConnOptions{Options: Options{IdleTimeout: 24 * time.Hour, Token: func(context.Context) (string, error) {
			calls.Add(1)
			return tokenUntil(time.Now().Add(life)), nil
		}}})
		begin := time.Now()
		if got, want := p.req.Header.Get("Authorization"), "Bearer "+tokenUntil(begin.Add(life)); got != want || p.req.Header.Get("X-API-Key") != "" {
			t.Fatalf("handshake with %q, want %q", got, want)
		}
		renewed := func() protocol.ClientMessage {
			t.Helper()
			var m protocol.ClientMessage
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, b, err := p.ws.Read(ctx)
			if err != nil || json.Unmarshal(b, &m) != nil || m.Type != protocol.TypeAuth {
				t.Fatalf("server got %s, %v", b, err)
			}
			return m
		}
		m := renewed()
		if d := time.Since(begin); d < 7*time.Minute || d > 8*time.Minute || m.Token != tokenUntil(time.Now().Add(life)) {
			t.Errorf("after %v: %+v", d, m)
		}
		p.answer(protocol.ServerMessage{Type: protocol.TypeError, Code: protocol.CodeUnavailable, Message: "m", ID: m.ID})
		again := time.Now()
		m = renewed()
		if d := time.Since(again); d != renewalRetry {
			t.Errorf("tried again after %v", d)
		}
		p.answer(protocol.ServerMessage{Type: protocol.TypeAuthenticated, Expires: time.Now().Add(time.Minute).UnixMilli(), ID: m.ID})
		again = time.Now()
		m = renewed()
		if d := time.Since(again); d < 35*time.Second || d > 45*time.Second { // the server knows better
			t.Errorf("the next after %v", d)
		}
		p.answer(protocol.ServerMessage{Type: protocol.TypeAuthenticated, ID: m.ID}) // never expires
		time.Sleep(time.Hour)
		if n := calls.Load(); n != 4 {
			t.Errorf("%d tokens", n)
		}
		if len(c.Events()) > 0 {
			t.Errorf("the program gets %#v", <-c.Events())
		}
		c.Close()
	})
}

// The server says that a token has expired. The next attempt has another one, so this is not the end.
func TestAnExpiredTokenIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		var n atomic.Int64
		c, p := s.consumer(ConnOptions{Options: Options{IdleTimeout: 24 * time.Hour, Token: func(context.Context) (string, error) {
			switch n.Add(1) {
			case 2:
				return "", errors.New("the issuer is away")
			case 3:
				return "key-without-a-time", nil
			}
			return tokenUntil(time.Now().Add(time.Hour)), nil
		}}})
		p.close(4401, "the token has expired")
		if d := expectDisconnected(t, c); !errors.Is(d.Err, ErrRefused) || d.Wait > 100*time.Millisecond {
			t.Errorf("%+v", d)
		}
		if d := expectDisconnected(t, c); !strings.Contains(d.Err.Error(), "Options.Token: the issuer is away") {
			t.Errorf("%+v", d)
		}
		p = s.accept()
		expectEvent(t, c, Connected{})
		expectEvent(t, c, Rejoined{})
		if got := p.req.Header.Get("Authorization"); got != "Bearer key-without-a-time" {
			t.Errorf("handshake with %q", got)
		}
		p.kill()
		if d := expectDisconnected(t, c); strings.Contains(d.Err.Error(), "key-without") {
			t.Errorf("a key in %v", d.Err)
		}
		c.Close()
	})
}

func TestATokenThatCannotBeRenewedIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, first := newPipeServer(t), time.Now().Add(time.Minute)
		var calls atomic.Int64
		c, p := s.consumer(ConnOptions{Options: Options{IdleTimeout: 24 * time.Hour, Token: func(context.Context) (string, error) {
			calls.Add(1)
			return tokenUntil(first), nil // always the same
		}}})
		async(t, func() {
			for {
				_, b, err := p.ws.Read(t.Context())
				if err != nil {
					return
				}
				if strings.Contains(string(b), "auth") {
					t.Errorf("sent %s", b)
				}
			}
		})
		time.Sleep(2 * time.Minute)
		if n := calls.Load(); n < 3 || n > 20 {
			t.Errorf("asked %d times", n)
		}
		c.Close()
	})
}

func TestAServerWithoutTokensIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(ConnOptions{Options: Options{IdleTimeout: 24 * time.Hour, Token: func(context.Context) (string, error) {
			return tokenUntil(time.Now().Add(time.Minute)), nil
		}}})
		var asked atomic.Int64
		async(t, func() {
			for {
				_, b, err := p.ws.Read(t.Context())
				if err != nil {
					return
				}
				if strings.Contains(string(b), `"auth"`) {
					asked.Add(1)
					p.answer(protocol.ServerMessage{Type: protocol.TypeError, Code: protocol.CodeUnknownType, Message: "m", ID: "18446744073709551615"})
				}
			}
		})
		time.Sleep(time.Hour)
		if asked.Load() != 1 {
			t.Errorf("asked %d times", asked.Load())
		}
		c.Close()
	})
}

func TestClosingEndsAWaitForAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		var first atomic.Bool
		c, _ := s.consumer(ConnOptions{Options: Options{IdleTimeout: 24 * time.Hour, Token: func(ctx context.Context) (string, error) {
			if !first.Swap(true) {
				return tokenUntil(time.Now().Add(4 * time.Second)), nil
			}
			<-ctx.Done()
			return "", ctx.Err()
		}}})
		time.Sleep(3500 * time.Millisecond)
		begin := time.Now()
		c.Close()
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

func TestAKeyAndATokenExcludeEachOther(t *testing.T) {
	_, err := Dial(t.Context(), "ws://127.0.0.1:1", &ConnOptions{Options: Options{APIKey: "k", Token: func(context.Context) (string, error) { return "", nil }}})
	if err == nil || !strings.Contains(err.Error(), "exclude each other") {
		t.Error(err)
	}
}

func TestExpiryOfAToken(t *testing.T) {
	body := func(text string) string { return "a." + base64.RawURLEncoding.EncodeToString([]byte(text)) + ".c" }
	for token, want := range map[string]int64{
		body(`{"exp":1700000000}`): 1700000000, body(`{"exp":1700000000.9}`): 1700000000, body(`{"exp":"1700000000"}`): 0, body(`{}`): 0,
		body(`{"exp":-1}`): 0, body(`{"exp":1e300}`): 0, body(`x`): 0, "a.b.c": 0, "a.b": 0, "": 0, "key": 0,
	} {
		if got := expiry(token); want == 0 && !got.IsZero() || want != 0 && got.Unix() != want {
			t.Errorf("%s: %v", token, got)
		}
	}
}
