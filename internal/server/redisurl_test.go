package server_test

import (
	"testing"

	"backbone/internal/bridge"
	"backbone/internal/config"
	"backbone/internal/hub"
	"backbone/internal/ingest"
)

// What the flag takes the bridge must take, and nothing else.
func TestFlagAndBridgeTakeTheSameRedisURLs(t *testing.T) {
	for text, want := range map[string]bool{
		"redis://h":             true,
		"redis://u:p@h:6379/3":  true,
		"rediss://h:6379":       true,
		"redis://[::1]:6379":    true,
		"redis://h?db=2":        true,
		"unix:///run/redis":     true,
		"unix://u:p@/run?db=2":  true,
		"redis://a:1,b:2":       true,
		"rediss://u:p@a,b":      true,
		"redis://a:1,b:2/0":     true,
		"redis+cluster://a":     true,
		"rediss+cluster://a,b":  true,
		"redis+sentinel://a/m":  true,
		"redis+sentinel://a/m/": false,
		"rediss+sentinel://u:p@a:1,b:2/m?db=2&sentinel_user=x&sentinel_password=y": true,
		"":                          false,
		"h:6379":                    false,
		"http://h":                  false,
		"redis://":                  false,
		"redis://:6379":             false,
		"redis://h:port":            false,
		"redis://h/x":               false,
		"redis://h/1/2":             false,
		"redis://h?db=x":            false,
		"redis://h?addr=i":          false,
		"redis://h?master_set=m":    false,
		"redis://a,,b":              false,
		"redis://a,b:2/1":           false,
		"redis+cluster://a/1":       false,
		"redis+cluster://":          false,
		"redis+sentinel://a":        false,
		"redis+sentinel://a/m/n":    false,
		"redis+sentinel://a/m?db=x": false,
		"redis+other://a/m":         false,
		"unix://":                   false,
		"unix+cluster:///run/redis": false,
	} {
		err := config.CheckRedisURL(text)
		if (err == nil) != want {
			t.Errorf("%s: the flag says %v", text, err)
		}
		_, err = bridge.New(bridge.Options{
			URL: text, Origin: "o", Outbox: make(chan []hub.BroadcastEvent), Reads: make(chan []string),
			Clock: func() uint64 { return 0 }, Sink: ingest.FromBridge{},
		})
		if (err == nil) != want {
			t.Errorf("%s: the bridge says %v", text, err)
		}
	}
}
