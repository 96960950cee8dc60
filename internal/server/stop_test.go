package server_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"backbone/client"
	"backbone/internal/config"
	"backbone/internal/redistest"
	"backbone/internal/server"
)

func TestAStopWithoutRedisWaitsForNothing(t *testing.T) {
	redis := redistest.Start(t)
	redis.Kill()
	in, log := startLogged(t, withRedis(redis.URL()))
	in.bridgeState("connecting")
	begun := time.Now()
	if err := in.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took >= server.FlushTimeout {
		t.Errorf("the stop took %v although nothing was to be sent", took)
	}
	if text := log.all(); strings.Contains(text, "did not reach Redis") {
		t.Errorf("the log tells of a loss: %s", text)
	}
}

func TestAStopTellsHowManyEventsDidNotReachRedis(t *testing.T) {
	redis := redistest.Start(t)
	redis.Kill()
	in, log := startLogged(t, withRedis(redis.URL()))
	publish(t, in.ingestor(), "BTC_USDT", 1, 3)
	begun := time.Now()
	if err := in.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > server.FlushTimeout+2*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if line := log.has("did not reach Redis"); !strings.Contains(line, "waiting=3") {
		t.Errorf("logged %s, want that 3 events were waiting", line)
	}
	if got := in.Ingest().Stats().OutboxDropped; got != 3 {
		t.Errorf("%d counted as dropped at the end, want 3", got)
	}
}

// A client that takes nothing uses up the drain time-out. What is for other instances
// has its own time.
func TestAStopWithAStuckClientStillSendsToRedis(t *testing.T) {
	redis := redistest.Start(t)
	in, log := startLogged(t, withRedis(redis.URL()), func(c *config.Serve) {
		c.DrainTimeout, c.WriteTimeout = 100*time.Millisecond, time.Minute
	})
	in.bridgeState("ok")
	in.rawConsumer("BTC_USDT")
	publish(t, in.ingestor(), "BTC_USDT", 1, 20_000)
	if err := in.Stop(); err != nil {
		t.Error(err)
	}
	text := log.all()
	if !strings.Contains(text, "some clients did not take") {
		t.Errorf("the client was not stuck: %s", text)
	}
	if strings.Contains(text, "did not reach Redis") {
		t.Errorf("the log tells of a loss: %s", text)
	}
	if got := redis.CLI("GET", "backbone:last:{17aitp}:price_update:BTC_USDT"); !strings.Contains(got, `"price":20000,`) {
		t.Errorf("Redis holds %s, want the last price", got)
	}
}

// While the drain delay lasts only /readyz says that the instance stops.
func TestADrainDelayStillServes(t *testing.T) {
	in, log := startLogged(t, func(c *config.Serve) {
		c.DrainDelay, c.DrainWindow = 2*time.Second, 100*time.Millisecond
	})
	stopped, begun := make(chan error, 1), time.Now()
	go func() { stopped <- in.Stop() }()
	in.eventually("not to be ready", func() bool {
		status, body := in.get("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"status":"draining"`)
	})
	c := in.consume("A") // a new client
	publish(t, in.ingestor(), "A", 1, 1)
	for ev := range c.Events() {
		if _, ok := ev.(client.PriceUpdate); ok {
			break
		}
	}
	for ev := range c.Events() {
		if d, ok := ev.(client.Disconnected); ok {
			if closed, ok := errors.AsType[*client.CloseError](d.Err); !ok || closed.Code != client.CloseRestart {
				t.Errorf("closed with %v", d.Err)
			}
			break
		}
	}
	if took := time.Since(begun); took < 2*time.Second {
		t.Errorf("closed after %v", took)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	log.has("still serving")
}
