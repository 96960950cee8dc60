package transport

import (
	"testing"
	"testing/synctest"

	"backbone/internal/auth"
	"backbone/protocol"
)

const (
	keyOfFeed  = "key-of-feed-0123456789"
	keyOfOwner = "key-of-owner-0123456789"
	keyOfUser  = "key-of-user-0123456789"
)

// keeping runs an instance with keys for both roles.
func keeping(t *testing.T, change ...func(*Options)) (*instance, *auth.Access) {
	t.Helper()
	access := auth.New(auth.Options{
		Ingest:  keysOf(t, "feed:"+keyOfFeed+` ["BTC_*","BRK B"]`, "owner:"+keyOfOwner),
		Consume: keysOf(t, "user:"+keyOfUser+` ["BTC_*","LOBBY"]`, "owner:"+keyOfOwner),
	})
	return onPipes(t, settings{change: func(o *Options) {
		o.Access = access
		for _, c := range change {
			c(o)
		}
	}}), access
}

// One element of a batch that is not allowed loses itself alone, however many there are of it.
func TestAKeyPublishesWhatItsPatternsAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := keeping(t, func(o *Options) { o.Limits.MaxBadMessages = 2 })
		owner := i.connectWith(keyOfOwner, protocol.PathConsume)
		for _, room := range []string{"BTC_USDT", "ETH_USDT", "BRK B"} {
			owner.join(room)
		}
		feed := i.connectWith(keyOfFeed, protocol.PathIngest)
		const forbidden = `{"type":"error","code":"forbidden","message":"instrument: the credentials of this connection do not allow ETH_USDT"`
		for range 5 {
			feed.send("[" + price("ETH_USDT", "1") + "," + price("BTC_USDT", "2") + `,{"type":"price_update","instrument":"ETH_USDT","price":3,"ts":1,"id":"x"},` + price("BRK B", "4") + "]")
			feed.hears(forbidden+`,"index":0}`, forbidden+`,"id":"x","index":2}`)
			owner.hears(price("BTC_USDT", "2"), price("BRK B", "4"))
		}
		for range 5 {
			feed.send(price("ETH_USDT", "1"))
			feed.hears(forbidden + "}")
		}
		i.connectWith(keyOfOwner, protocol.PathIngest).send(price("ETH_USDT", "5"))
		owner.hears(price("ETH_USDT", "5"))
		if n := i.counts()["requests_refused_total forbidden"]; n != 15 {
			t.Errorf("%d refused", n)
		}
	})
}

// One room that is not allowed is refused alone. What may not be joined can not be sent to.
func TestAConsumerJoinsWhatItsPatternsAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := keeping(t)
		const (
			code    = `"code":"forbidden","message":"room: the credentials of this connection do not allow `
			refused = `{"type":"error",` + code
		)
		user, owner := i.connectWith(keyOfUser, protocol.PathConsume), i.connectWith(keyOfOwner, protocol.PathConsume)
		user.send(`{"type":"join","rooms":["BTC_USDT","ETH_USDT","LOBBY"],"id":"1"}`)
		user.hears(`{"type":"joined","rooms":["BTC_USDT","LOBBY"],"rejected":[{"room":"ETH_USDT",` + code + `ETH_USDT"}],"id":"1"}`)
		user.send(`{"type":"join","room":"ETH_USDT","id":"2"}`, say("ETH_USDT", "hi"), `{"type":"leave","room":"ETH_USDT"}`)
		user.hears(refused+`ETH_USDT","id":"2"}`, refused+`ETH_USDT"}`, `{"type":"error","code":"not_joined","message":"room: ETH_USDT is not joined"}`)
		owner.join("LOBBY")
		user.send(say("LOBBY", "hello"))
		owner.hears(say("LOBBY", "hello"))
		for _, path := range []string{protocol.PathConsume, protocol.PathIngest} {
			if answer, body := i.ask(upgradeTo(path) + "X-API-Key: wrong\r\n\r\n"); answer.StatusCode != 401 || body != "a valid key is required" {
				t.Errorf("%s: %s, %q", path, answer.Status, body)
			}
		}
	})
}
