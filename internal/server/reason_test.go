package server_test

import (
	"testing"

	"backbone/internal/redistest"
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
}
