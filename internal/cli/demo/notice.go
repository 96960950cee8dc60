package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"backbone/protocol"
)

// bridgeNotice says what is wrong with the Redis of the server at a WebSocket URL. It is
// empty where all is well.
func bridgeNotice(ctx context.Context, url string) string {
	url = strings.Replace(url, "ws://", "http://", 1) + protocol.PathReady
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var state struct{ Bridge string }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		err = json.NewDecoder(resp.Body).Decode(&state)
		resp.Body.Close()
	}
	switch {
	case err != nil:
		return fmt.Sprintf("no answer from the server: %v", err)
	case state.Bridge == "off" || state.Bridge == "ok":
		return ""
	}
	return "Redis is " + state.Bridge + ": no prices come from the other instance"
}
