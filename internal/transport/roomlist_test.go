package transport

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backbone/protocol"
)

// A consumer is told of the rooms that have a price and that it may join, in order, as often as it asks.
func TestRoomsThatAConsumerMayJoinAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := keeping(t)
		owner := i.connectWith(keyOfOwner, protocol.PathConsume)
		user := i.connectWith(keyOfUser, protocol.PathConsume)
		feed := i.connectWith(keyOfOwner, protocol.PathIngest)
		for _, name := range []string{"ETH_USDT", "BTC_USDT", "BTC_EUR", "BRK B"} {
			feed.send(price(name, "1"))
		}
		synctest.Wait()
		owner.join("LOBBY") // has a member and no price
		owner.send(`{"type":"rooms","id":"1"}`, `{"type":"rooms","prefix":"BTC_"}`, `{"type":"rooms","after":"BTC_EUR"}`, `{"type":"rooms","prefix":"BRK "}`)
		owner.hears(`{"type":"rooms","rooms":["BRK B","BTC_EUR","BTC_USDT","ETH_USDT"],"id":"1"}`, `{"type":"rooms","rooms":["BTC_EUR","BTC_USDT"]}`,
			`{"type":"rooms","rooms":["BTC_USDT","ETH_USDT"]}`, `{"type":"rooms","rooms":["BRK B"]}`)
		user.send(`{"type":"rooms","prefix":"","id":"2"}`)
		user.hears(`{"type":"rooms","rooms":["BTC_EUR","BTC_USDT"],"id":"2"}`)
		feed.send(`{"type":"retire","instrument":"BTC_EUR"}`)
		synctest.Wait()
		user.send(`{"type":"rooms"}`, `{"type":"rooms","prefix":"x\ny"}`, `{"type":"rooms","prefix":1}`, `{"type":"rooms","room":"A"}`)
		user.hears(`{"type":"rooms","rooms":["BTC_USDT"]}`,
			`{"type":"error","code":"invalid_room","message":"prefix: must not contain the character U+000A, got \"x\\ny\""}`,
			`{"type":"error","code":"invalid_event","message":"prefix: must be a JSON string, got number"}`,
			`{"type":"error","code":"unknown_field","message":"room: unknown field, rooms has prefix, after, type, id"}`)
		feed.send(`{"type":"rooms"}`)
		feed.hears(`{"type":"error","code":"forbidden","message":"type: rooms is not for the role INGESTOR"}`)
	})
}

// The longest list is a thousand names, and says that there are more.
func TestALongListOfRoomsHasMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{instruments: 5000})
		feed, c := i.ingestor(), i.consumer()
		name := func(n int) string { return fmt.Sprintf("R%0127d", n) }
		for n := range protocol.MaxListedRooms + 1 {
			feed.send(price(name(n), "1"))
		}
		synctest.Wait()
		c.send(`{"type":"rooms","id":"1"}`)
		if got := c.text(); len(got) <= protocol.MaxMessageBytes || !strings.HasSuffix(got, name(protocol.MaxListedRooms-1)+`"],"more":true,"id":"1"}`) {
			t.Errorf("%d bytes: ...%s", len(got), got[len(got)-200:])
		}
		c.send(`{"type":"rooms","after":"` + name(protocol.MaxListedRooms-1) + `"}`)
		c.hears(`{"type":"rooms","rooms":["` + name(protocol.MaxListedRooms) + `"]}`)
	})
}

// Whoever asks for lists again and again waits for as much work as they are.
func TestListsOfRoomsCostTheirWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rooms, seconds = 5000, 2
		i := onPipes(t, settings{instruments: rooms})
		feed, c := i.ingestor(), i.consumer()
		for n := range rooms {
			feed.send(price(fmt.Sprintf("R%d", n), "1"))
		}
		synctest.Wait()
		began := time.Now()
		for range (looksAtOnce+seconds*looksPerSecond)/((1+perTold)*rooms) + 1 {
			c.send(`{"type":"rooms"}`)
			if got := c.text(); !strings.HasPrefix(got, `{"type":"rooms","rooms":[`) {
				t.Fatalf("heard %.200s", got)
			}
		}
		if d := time.Since(began); d < (seconds-1)*time.Second || d > (seconds+1)*time.Second {
			t.Errorf("took %v", d)
		}
		if i.counts()["limited_total "+limitLooks] == 0 {
			t.Error("not counted")
		}
	})
}

// An instance that does not tell which rooms there are says why.
func TestRoomsCanBeKeptFromConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := onPipes(t, settings{change: func(o *Options) { o.NoRooms = "no list here" }}).consumer()
		c.send(`{"type":"rooms","id":"1"}`)
		c.hears(`{"type":"error","code":"forbidden","message":"type: no list here","id":"1"}`)
	})
}
