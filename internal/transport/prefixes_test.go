package transport

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"backbone/internal/rates"
	"backbone/protocol"
)

// snapshotOf is a price as a new member gets it.
func snapshotOf(instrument, p string) string {
	return strings.TrimSuffix(price(instrument, p), "}") + `,"snapshot":true}`
}

// A client that joins a prefix is in the rooms that there are and in those that come, until it leaves it.
func TestAPrefixIsJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		feed, c, other := i.ingestor(), i.consumer(), i.consumer()
		feed.send(price("BTC_EUR", "1"), price("BTC_USDT", "2"), price("ETH_USDT", "3"))
		synctest.Wait()
		c.join("BTC_USDT")
		c.hears(snapshotOf("BTC_USDT", "2"))
		c.send(`{"type":"join","prefix":"BTC_","id":"1"}`)
		c.hears(`{"type":"joined","prefix":"BTC_","rooms":["BTC_EUR","BTC_USDT"],"id":"1"}`, snapshotOf("BTC_EUR", "1"))
		feed.send(price("ETH_USDT", "4"), price("BTC_NEW", "5"), price("BTC_EUR", "6"))
		c.hears(price("BTC_EUR", "6"), `{"type":"joined","prefix":"BTC_","rooms":["BTC_NEW"]}`, snapshotOf("BTC_NEW", "5"))
		feed.send(price("BTC_NEW", "7"))
		c.hears(price("BTC_NEW", "7"))

		other.join("BTC_MEMBERS") // without a price it is not there
		c.silent(time.Second)

		c.send(`{"type":"leave","prefix":"BTC_","id":"2"}`)
		c.hears(`{"type":"left","prefix":"BTC_","rooms":["BTC_EUR","BTC_NEW"]}`, `{"type":"left","prefix":"BTC_","rooms":[],"id":"2"}`)
		feed.send(price("BTC_NEW", "8"), price("BTC_NEWER", "9"), price("BTC_USDT", "10"))
		c.hears(price("BTC_USDT", "10")) // which it had joined by name
		c.silent(time.Second)
		c.send(`{"type":"leave","prefix":"BTC_"}`, `{"type":"leave","room":"BTC_USDT","prefix":"BTC_"}`, `{"type":"join","room":"A","prefix":""}`, `{"type":"leave"}`)
		c.hears(`{"type":"error","code":"not_joined","message":"prefix: \"BTC_\" is not joined"}`,
			`{"type":"error","code":"invalid_event","message":"prefix: a leave has room or prefix, not both"}`,
			`{"type":"error","code":"invalid_event","message":"prefix: a join has room, rooms or prefix, and only one of them"}`,
			`{"type":"error","code":"invalid_event","message":"room: is required"}`)
	})
}

// What was joined by its name, or by a longer prefix, keeps its options, also when the prefix is joined again.
func TestAPrefixChangesNoRoomThatIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		feed, c := i.ingestor(), i.consumer()
		feed.send(price("BTC_A", "1"), price("BTC_B", "1"), price("BTC_CC", "1"))
		synctest.Wait()
		c.join("BTC_A")
		c.hears(snapshotOf("BTC_A", "1"))
		c.send(`{"type":"join","prefix":"BTC_C"}`)
		c.hears(`{"type":"joined","prefix":"BTC_C","rooms":["BTC_CC"]}`, snapshotOf("BTC_CC", "1"))
		c.send(`{"type":"join","prefix":"BTC_","max_rate":0.1}`)
		c.hears(`{"type":"joined","prefix":"BTC_","rooms":["BTC_A","BTC_B","BTC_CC"]}`, snapshotOf("BTC_B", "1"))
		c.send(`{"type":"join","prefix":"BTC_"}`)
		c.hears(`{"type":"joined","prefix":"BTC_","rooms":["BTC_A","BTC_B","BTC_CC"]}`)
		for _, n := range []string{"2", "3"} {
			feed.send(price("BTC_A", n), price("BTC_CC", n), price("BTC_B", n))
			c.hears(price("BTC_A", n), price("BTC_CC", n))
		}
		c.silent(time.Second) // BTC_B waits for its turn
	})
}

// Of several prefixes of a room the longest counts; it is joined once, and left with the last of them.
func TestPrefixesOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		feed, c := i.ingestor(), i.consumer()
		c.send(`{"type":"join","prefix":"","stamp":true}`, `{"type":"join","prefix":"B","id":"b"}`)
		c.hears(`{"type":"joined","prefix":"","rooms":[]}`, `{"type":"joined","prefix":"B","rooms":[],"id":"b"}`)
		feed.send(price("ETH", "2"))
		c.hears(`{"type":"joined","prefix":"","rooms":["ETH"]}`)
		if got := c.text(); !strings.HasPrefix(got, `{"type":"price_update","instrument":"ETH","price":2,"ts":1,"epoch":`) {
			t.Errorf("with a stamp: %s", got)
		}
		c.send(`{"type":"join","prefix":"","stamp":false}`)
		c.hears(`{"type":"joined","prefix":"","rooms":["ETH"]}`)
		feed.send(price("ETH", "2"))
		c.hears(price("ETH", "2"))
		feed.send(price("BTC", "1"))
		c.hears(`{"type":"joined","prefix":"B","rooms":["BTC"]}`, snapshotOf("BTC", "1"))
		c.send(`{"type":"leave","prefix":"B"}`)
		c.hears(`{"type":"left","prefix":"B","rooms":[]}`)
		feed.send(price("BTC", "3"))
		c.hears(price("BTC", "3"))
		c.send(`{"type":"leave","room":"ETH"}`, `{"type":"leave","prefix":"","id":"2"}`)
		c.hears(`{"type":"left","room":"ETH"}`, `{"type":"left","prefix":"","rooms":["BTC"]}`, `{"type":"left","prefix":"","rooms":[],"id":"2"}`)
		feed.send(price("BTC", "4"), price("ETH", "4"), price("NEW", "4"))
		c.silent(time.Second)
	})
}

// A limit keeps rooms of a prefix out, and the client is told so once, until it joins the prefix again.
func TestALimitKeepsRoomsOfAPrefixOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.MaxRooms = 2 }})
		feed, c := i.ingestor(), i.consumer()
		feed.send(price("A1", "1"), price("A2", "1"), price("A3", "1"), price("A4", "1"))
		synctest.Wait()
		const kept = `"rejected":[{"room":"%s","code":"too_many_rooms","message":"room: %[1]s would be one more than the 2 rooms that a consumer may join; other rooms of the prefix can be kept out too"}]}`
		c.send(`{"type":"join","prefix":"A"}`)
		c.hears(`{"type":"joined","prefix":"A","rooms":["A1","A2"],`+fmt.Sprintf(kept, "A3"), snapshotOf("A1", "1"), snapshotOf("A2", "1"))
		feed.send(price("A5", "1"))
		c.silent(time.Second)
		c.send(`{"type":"leave","room":"A1"}`)
		c.hears(`{"type":"left","room":"A1"}`)
		feed.send(price("A6", "1"))
		c.hears(`{"type":"joined","prefix":"A","rooms":["A6"]}`, snapshotOf("A6", "1"))
		c.send(`{"type":"join","prefix":"A"}`)
		c.hears(`{"type":"joined","prefix":"A","rooms":["A2"],` + fmt.Sprintf(kept, "A1"))
		for n := range protocol.MaxPrefixes - 1 {
			c.send(fmt.Sprintf(`{"type":"join","prefix":"x%d"}`, n))
			c.hears(fmt.Sprintf(`{"type":"joined","prefix":"x%d","rooms":[]}`, n))
		}
		c.send(`{"type":"join","prefix":"y","id":"1"}`)
		c.hears(`{"type":"error","code":"too_many_rooms","message":"prefix: \"y\" would be one more than the 64 prefixes that a consumer may join","id":"1"}`)
	})
}

// A prefix joins only what the credentials allow, and what other credentials allow once they are there.
func TestAPrefixJoinsWhatTheCredentialsAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, access := keeping(t)
		user, feed := i.connectWith(keyOfUser, protocol.PathConsume), i.connectWith(keyOfOwner, protocol.PathIngest)
		feed.send(price("BTC_USDT", "1"), price("ETH_USDT", "2"))
		synctest.Wait()
		user.send(`{"type":"join","prefix":""}`)
		user.hears(`{"type":"joined","prefix":"","rooms":["BTC_USDT"]}`, snapshotOf("BTC_USDT", "1"))
		feed.send(price("ETH_EUR", "3"), price("BTC_EUR", "4"))
		user.hears(`{"type":"joined","prefix":"","rooms":["BTC_EUR"]}`, snapshotOf("BTC_EUR", "4"))
		access.Replace(protocol.Consumer, keysOf(t, "user:"+keyOfUser+` ["BTC_*","ETH_*"]`))
		i.server.Recheck()
		user.hears(`{"type":"joined","prefix":"","rooms":["ETH_EUR","ETH_USDT"]}`, snapshotOf("ETH_EUR", "3"), snapshotOf("ETH_USDT", "2"))
	})
}

// Credentials that allow the same rooms are no reason to look for rooms: one that was left does not come back.
func TestRenewedCredentialsBringNoRoomBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, access := keeping(t)
		user, feed := i.connectWith(keyOfUser, protocol.PathConsume), i.connectWith(keyOfOwner, protocol.PathIngest)
		feed.send(price("BTC_USDT", "1"))
		synctest.Wait()
		user.send(`{"type":"join","prefix":""}`)
		user.hears(`{"type":"joined","prefix":"","rooms":["BTC_USDT"]}`, snapshotOf("BTC_USDT", "1"))
		user.send(`{"type":"leave","room":"BTC_USDT"}`)
		user.hears(`{"type":"left","room":"BTC_USDT"}`)
		user.send(`{"type":"auth","token":"` + keyOfUser + `"}`)
		user.hears(`{"type":"authenticated"}`)
		user.silent(time.Second)
		access.Replace(protocol.Consumer, keysOf(t, "user:"+keyOfUser+` ["BTC_*","LOBBY","NEW"]`))
		i.server.Recheck()
		user.hears(`{"type":"joined","prefix":"","rooms":["BTC_USDT"]}`, snapshotOf("BTC_USDT", "1"))
	})
}

// Thousands of rooms come in parts, and each is joined once, also those that come while the client is busy.
func TestManyRoomsOfAPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{instruments: 10_000})
		feed, c := i.ingestor(), i.consumer()
		const before, after = 1200, 1300
		publish := func(from, to int) {
			for n := from; n < to; n++ {
				feed.send(price(fmt.Sprintf("R%d", n), "1"))
			}
		}
		publish(0, before)
		synctest.Wait()
		joined, values := map[string]int{}, map[string]int{}
		replies := 0
		c.send(`{"type":"join","prefix":"R","id":"1"}`)
		go publish(before, before+after)
		for len(joined) < before+after || len(values) < before+after {
			text := c.text()
			if strings.HasPrefix(text, `{"type":"joined"`) {
				replies++
				list := text[strings.Index(text, "[")+1 : strings.Index(text, "]")]
				for _, name := range strings.Split(list, ",") {
					joined[strings.Trim(name, `"`)]++
				}
				continue
			}
			room, _, _ := strings.Cut(strings.TrimPrefix(text, `{"type":"price_update","instrument":"`), `"`)
			if values[room]++; joined[room] == 0 {
				t.Fatalf("a price of %s came before it was joined: %s", room, text)
			}
		}
		for room, n := range joined {
			if n != 1 {
				t.Errorf("%s was told to be joined %d times", room, n)
			}
		}
		if replies < before/roomsPerReply {
			t.Errorf("%d replies", replies)
		}
		c.silent(time.Second)
	})
}

// Who ends while it follows a prefix is woken no more, and a prefix cannot be joined where rooms are not told.
func TestFollowersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		feed, c, again := i.ingestor(), i.consumer(), i.consumer()
		for _, p := range []*peer{c, again} {
			p.send(`{"type":"join","prefix":"A"}`)
			p.hears(`{"type":"joined","prefix":"A","rooms":[]}`)
		}
		c.Close()
		time.Sleep(time.Second)
		feed.send(price("A", "1"))
		again.hears(`{"type":"joined","prefix":"A","rooms":["A"]}`, snapshotOf("A", "1"))
		if s := i.hub.Stats(); s.Rooms != 1 {
			t.Errorf("%d rooms", s.Rooms)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := onPipes(t, settings{change: func(o *Options) { o.NoRooms = "no list here" }}).consumer()
		c.send(`{"type":"join","prefix":""}`)
		c.hears(`{"type":"error","code":"forbidden","message":"type: no list here"}`)
	})
}

// A client whose rooms come faster than it may join them is read meanwhile: its pings are answered, a message
// in pieces has its time, and what it leaves is not joined any more.
func TestAClientIsReadWhileRoomsCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) {
			o.Limits.MaxJoinRate, o.Limits.PingInterval = rates.Rate{PerSecond: 1, Burst: 1}, time.Hour
		}})
		feed, c := i.ingestor(), i.consumer()
		for _, prefix := range []string{"A", "B"} {
			c.send(`{"type":"join","prefix":"` + prefix + `"}`)
			c.hears(`{"type":"joined","prefix":"` + prefix + `","rooms":[]}`)
		}
		for n := range 90 {
			feed.send(price(fmt.Sprintf("A%02d", n), "1"))
		}
		feed.send(price("B", "1"))
		begun, joined := time.Now(), 0
		hears := func(op ws.OpCode, want string) {
			t.Helper()
			for {
				gotOp, got, err := c.next()
				switch joining := fmt.Sprintf(`{"type":"joined","prefix":"A","rooms":["A%02d"]}`, joined); {
				case err != nil:
					t.Fatal(err)
				case got == joining:
					if joined++; want == joining {
						return
					}
				case gotOp == op && got == want:
					return
				case !strings.Contains(got, `"snapshot":true}`):
					t.Fatalf("heard %s", got)
				}
			}
		}
		c.raw(encode(false, ws.OpText, `{"type":`))
		const first = 45 // rooms, one a second: so long, with a message begun
		for n := range first {
			hears(ws.OpText, fmt.Sprintf(`{"type":"joined","prefix":"A","rooms":["A%02d"]}`, n))
			c.raw(masked(ws.OpPing, "x"))
			hears(ws.OpPong, "x")
		}
		if d := time.Since(begun).Round(time.Second); d != (first-1)*time.Second {
			t.Errorf("in %d rooms after %v", first, d)
		}
		c.raw(encode(true, ws.OpContinuation, `"leave","prefix":"B"}`))
		hears(ws.OpText, `{"type":"left","prefix":"B","rooms":[]}`)
		c.send(`{"type":"join","room":"OWN"}`)
		hears(ws.OpText, `{"type":"joined","room":"OWN"}`)
		if d := time.Since(begun); d > (first+3)*time.Second {
			t.Errorf("its own join is answered after %v", d)
		}
		hears(ws.OpText, `{"type":"joined","prefix":"A","rooms":["A89"]}`)
		feed.send(price("B", "2"), price("A89", "2")) // B was left
		hears(ws.OpText, price("A89", "2"))
	})
}

// Rooms that come can have to wait for the turn of a long join. A client is not read then, and a message that it
// has begun has as much longer.
func TestAMessageInPiecesHasTheTimeThatRoomsTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{change: func(o *Options) { o.Limits.PingInterval = time.Hour }})
		feed, c := i.ingestor(), i.consumer()
		c.send(`{"type":"join","prefix":"A"}`)
		c.hears(`{"type":"joined","prefix":"A","rooms":[]}`)
		c.raw(encode(false, ws.OpText, `{"type":"leave",`))
		for _, prefix := range []string{"A1", "A2", "A3"} {
			i.server.joins.Begin(time.Hour, func() bool { return true })
			for n := range 2 * roomsPerMessage {
				feed.send(price(fmt.Sprintf("%s%03d", prefix, n), "1"))
			}
			for begun := time.Now(); time.Since(begun) < 2*messageTimeout; {
				c.want(ws.OpPong, "") // a sign of life
			}
			i.server.joins.End()
			if got := c.text(); !strings.HasPrefix(got, `{"type":"joined","prefix":"A","rooms":["`+prefix+`000",`) {
				t.Fatalf("heard %.200s", got)
			}
		}
		c.raw(encode(true, ws.OpContinuation, `"room":"X"}`))
		c.hears(`{"type":"error","code":"not_joined","message":"room: X is not joined"}`)
	})
}

// What a join of a prefix asked for the connection is asked for once: rooms that come do not bring it back.
func TestRoomsThatComeKeepTheHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := onPipes(t, settings{})
		feed, c := i.ingestor(), i.consumer()
		c.send(`{"type":"join","prefix":"A","heartbeat_ms":60000}`, `{"type":"join","room":"X","heartbeat_ms":1000}`)
		c.hears(`{"type":"joined","prefix":"A","rooms":[]}`, `{"type":"joined","room":"X"}`)
		feed.send(price("A1", "1"))
		c.hears(`{"type":"joined","prefix":"A","rooms":["A1"]}`, snapshotOf("A1", "1"))
		begun := time.Now()
		if got := c.text(); !strings.HasPrefix(got, `{"type":"heartbeat"`) || time.Since(begun) > 2*time.Second {
			t.Errorf("heard %s after %v", got, time.Since(begun))
		}
	})
}
