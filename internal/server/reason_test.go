package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"backbone/internal/redistest"
	"backbone/protocol"
)

// What broke the connection is seldom what keeps it away.
func TestTheLogSaysWhyRedisStaysAway(t *testing.T) {
	redis := redistest.Start(t)
	in, log := startLogged(t, withRedis(redis.URL()))
	in.bridgeState("ok")
	redis.CLI("CONFIG", "SET", "requirepass", "x")
	for _, kind := range []string{"normal", "pubsub"} {
		redis.CLI("--no-auth-warning", "-a", "x", "CLIENT", "KILL", "TYPE", kind)
	}
	log.has("redis is lost")
	log.has("NOAUTH")
	in.cause("password")
	redis.CLI("--no-auth-warning", "-a", "x", "CONFIG", "SET", "requirepass", "")
	in.bridgeState("ok")
	in.cause("")
}

func TestReadinessSaysWhyRedisIsAway(t *testing.T) {
	redis := redistest.Start(t, "--requirepass", "secret")
	start(t, withRedis(strings.Replace(redis.URL(), "://", "://:wrong@", 1))).cause("password")
	redis.CLI("--no-auth-warning", "-a", "secret", "ACL", "SETUSER", "u", "on", ">p", "+hello", "+ping", "+client")
	start(t, withRedis(strings.Replace(redis.URL(), "://", "://u:p@", 1))).cause("rights")
	start(t, withRedis("redis://127.0.0.1:1")).cause("unreachable")
	start(t, withRedis("redis://no-such-host.invalid:6379")).cause("host name")
}

// cause waits until /readyz says why Redis is away. It must not say more than that.
func (in *instance) cause(want string) {
	in.t.Helper()
	in.eventually("the cause is "+want, func() bool {
		status, body := in.get(protocol.PathReady)
		if status != http.StatusOK || strings.Contains(body, "NOAUTH") || strings.Contains(body, "wrong") {
			in.t.Fatalf("%d %s", status, body)
		}
		var r struct{ Shards []struct{ Cause string } }
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			in.t.Fatal(err)
		}
		return len(r.Shards) == 1 && r.Shards[0].Cause == want
	})
}
