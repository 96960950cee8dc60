package kucoin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"backbone/internal/feed"
)

// tokenPath is where the exchange says, over HTTP, where to connect to.
const tokenPath = "/api/v1/bullet-public"

// maxAnswer bounds what it says, in bytes.
const maxAnswer = 64 << 10

type answer struct {
	Code    feed.Scalar `json:"code"`
	Message feed.Scalar `json:"msg"`
	Data    struct {
		Token   feed.Scalar `json:"token"`
		Servers []struct {
			Endpoint feed.Scalar `json:"endpoint"`
			Ping     feed.Scalar `json:"pingInterval"` // milliseconds
		} `json:"instanceServers"`
	} `json:"data"`
}

// Dial asks for a token, and where to connect to with it.
func (s *session) Dial(ctx context.Context, client *http.Client) (feed.Target, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http"+strings.TrimPrefix(s.url, "ws"), nil)
	if err != nil {
		return feed.Target{}, err
	}
	resp, err := client.Do(r)
	if err != nil {
		return feed.Target{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return feed.Target{}, err
	}
	var a answer
	if err := feed.Unmarshal(text, &a); err != nil {
		return feed.Target{}, fmt.Errorf("the answer that says where to connect to cannot be read: %w", err)
	}
	if len(a.Data.Servers) == 0 || a.Data.Token.Text() == "" {
		return feed.Target{}, fmt.Errorf("the exchange does not say where to connect to: code %s, %s", feed.Quote(a.Code.Text()), feed.Quote(a.Message.Text()))
	}
	to, err := url.Parse(a.Data.Servers[0].Endpoint.Text())
	if err != nil || to.Host == "" || to.Scheme != "wss" && (to.Scheme != "ws" || r.URL.Scheme == "https") {
		return feed.Target{}, errors.New("the exchange says to connect to " + feed.Quote(a.Data.Servers[0].Endpoint.Text()) + ", which is no wss:// address")
	}
	if every := time.Duration(a.Data.Servers[0].Ping.Uint()) * time.Millisecond; every >= time.Second {
		s.Every = min(s.Every, every)
	}
	to.RawQuery = url.Values{"token": {a.Data.Token.Text()}, "connectId": {strconv.FormatInt(time.Now().UnixNano(), 36)}}.Encode()
	return feed.Target{URL: to.String()}, nil
}
