package server_test

import (
	"fmt"
	"strings"
	"testing"

	"backbone/client"
	"backbone/internal/bridge"
	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/partition"
	"backbone/internal/redistest"
	"backbone/internal/server"
	"backbone/protocol"
)

// breaches are events of the room BTC that break the protocol: type, kind and payload.
var breaches = map[string][3]string{
	"another instrument":       {"price_update", "state", `{"type":"price_update","instrument":"ETH","price":1,"ts":1}`},
	"no price":                 {"price_update", "state", `{"type":"price_update","instrument":"BTC","ts":1}`},
	"price is text":            {"price_update", "state", `{"type":"price_update","instrument":"BTC","price":"x","ts":1}`},
	"price is too small":       {"price_update", "state", `{"type":"price_update","instrument":"BTC","price":1e-400,"ts":1}`},
	"another form":             {"price_update", "state", `{"type":"price_update","instrument":"BTC","ts":1,"price":1}`},
	"a snapshot":               {"price_update", "state", `{"type":"price_update","instrument":"BTC","price":1,"ts":1,"snapshot":true}`},
	"twice a key":              {"price_update", "state", `{"type":"price_update","instrument":"BTC","price":1,"price":1,"ts":1}`},
	"too large":                {"price_update", "state", `{"type":"price_update","instrument":"BTC","price":1,"ts":1,"data":{"a":"` + strings.Repeat("x", protocol.MaxDataBytes) + `"}}`},
	"too deep":                 {"price_update", "state", `{"type":"price_update","instrument":"BTC","price":1,"ts":1,"data":` + strings.Repeat(`{"a":`, protocol.MaxDataDepth+1) + "1" + strings.Repeat("}", protocol.MaxDataDepth+1) + `}`},
	"a status":                 {"price_update", "state", `{"type":"status","feed":"silent"}`},
	"a type of nobody":         {"status", "state", `{"type":"status","feed":"silent"}`},
	"an error":                 {"error", "message", `{"type":"error","code":"internal","message":"x"}`},
	"a message as state":       {"message", "state", `{"type":"message","room":"BTC","data":"x"}`},
	"a price as message":       {"price_update", "message", `{"type":"price_update","instrument":"BTC","price":1,"ts":1}`},
	"retired, of another room": {"price_update", "state", `{"type":"retired","instrument":"OTHER"}`},
	"retired, and more":        {"price_update", "state", `{"type":"retired","instrument":"BTC","price":1}`},
	"retired as a message":     {"price_update", "message", `{"type":"retired","instrument":"BTC"}`},
	"no text":                  {"message", "message", `{"type":"message","room":"BTC","data":{}}`},
	"an empty object":          {"price_update", "recovered", `{}`},
	"a foreign question":       {"status", "resync", `{}`},
}

const version = "0fffffffffffffff-X" // newer than what instances set

func TestWhatBreaksTheProtocolInRedisReachesNobody(t *testing.T) {
	redis := redistest.Start(t)
	a, b := pair(t, redis.URL())
	names := wire.Names{Prefix: "backbone:"}
	there := b.consume("BTC", "ETH")
	for _, e := range breaches {
		redis.CLI("PUBLISH", names.Events(partition.Of("BTC")), fmt.Sprintf(
			`{"v":1,"origin":"X","events":[{"room":"BTC","type":%q,"kind":%q,"version":%q,"age":0,"data":%s}]}`, e[0], e[1], version, e[2]))
	}
	b.eventually("all breaches are counted", func() bool {
		return b.Bridge().Stats().Drops[bridge.DropGarbage] == uint64(len(breaches))
	})
	stored := map[string]string{}
	for name, e := range breaches {
		if e[1] == "state" && e[0] == "price_update" {
			room := fmt.Sprintf("R%d", len(stored))
			stored[room] = name
			redis.CLI("SET", names.Last("price_update", room), fmt.Sprintf(`{"version":"0000000000000001-X","event":%s}`, strings.ReplaceAll(e[2], `"BTC"`, `"`+room+`"`)), "PX", "60000")
		}
	}
	for room, name := range stored {
		read := b.Bridge().Stats().Garbage
		cold := b.consume(room)
		b.eventually("the stored value is read", func() bool { return b.Bridge().Stats().Garbage > read })
		publish(t, a.ingestor(), room, 1, 1)
		if e := next(t, cold); e.Instrument != room || e.Snapshot {
			t.Errorf("%s: the first was %+v, want the live price", name, e)
		}
	}
	publish(t, a.ingestor(), "BTC", 1, 1)
	if e := next(t, there); e.Instrument != "BTC" || e.Price != "1" {
		t.Errorf("the first price was %+v", e)
	}
}

func next(t *testing.T, c *client.Conn) client.PriceUpdate {
	t.Helper()
	for e := range c.Events() {
		switch e := e.(type) {
		case client.PriceUpdate:
			return e
		case client.Connected:
		default:
			t.Errorf("got %T %+v", e, e)
		}
	}
	t.Fatal(c.Err())
	return client.PriceUpdate{}
}

func TestWhatInstancesPublishIsValid(t *testing.T) {
	for _, e := range []hub.BroadcastEvent{
		{Room: "BTC", Type: "price_update", Kind: hub.State, Payload: `{"type":"price_update","instrument":"BTC","price":1.10,"ts":1}`},
		{Room: "BTC", Type: "price_update", Kind: hub.Recovered, Payload: `{"type":"price_update","instrument":"BTC","price":1,"ts":1,"data":{"a": [1]}}`},
		{Room: "BRK B", Type: "price_update", Kind: hub.Resync, Payload: `{}`},
		{Room: "lobby", Type: "message", Kind: hub.Message, Payload: `{"type":"message","room":"lobby","data":"a\n\"ä"}`},
		{Room: "BTC", Type: "price_update", Kind: hub.State, Payload: `{"type":"retired","instrument":"BTC"}`},
		{Room: "BTC", Type: "price_update", Kind: hub.Recovered, Payload: `{"type":"retired","instrument":"BTC"}`},
	} {
		if !server.Valid(&e) {
			t.Errorf("not valid: %+v", e)
		}
		e.Room = "a\nb"
		if server.Valid(&e) {
			t.Errorf("valid: %+v", e)
		}
	}
}
