package book_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"backbone/client"
	"backbone/client/book"
	"backbone/client/clienttest"
)

// A program reads current prices wherever it needs them, and knows which are not to be relied on.
func Example() {
	srv := clienttest.NewServer() // a program dials a real one, as "ws://127.0.0.1:8080"
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := srv.Publish(`{"type":"price_update","instrument":"BTC_USDT","price":60214.30,"ts":1710000000}`); err != nil {
		log.Fatal(err)
	}

	var opt book.Options
	opt.Heartbeat = time.Second // a dead line is noticed after 2.5 s
	opt.SilentAfter = 30 * time.Second
	b, err := book.Dial(ctx, srv.URL, &opt, "BTC_USDT", "ETH_USDT")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Wait(ctx, "BTC_USDT"); err != nil {
		log.Fatal(err)
	}
	for _, instrument := range []string{"BTC_USDT", "ETH_USDT", "DOGE_USDT"} {
		if q, fresh := b.Get(instrument); fresh {
			fmt.Println(q.Instrument, q.Price, q.Age < time.Minute)
		} else {
			fmt.Println(q.Instrument, q.Why)
		}
	}
	b.Close()
	q, fresh := b.Get("BTC_USDT")
	fmt.Println(q.Price, fresh, q.Why == book.Closed, client.Price("60214.3").Cmp(q.Price))
	// Output:
	// BTC_USDT 60214.30 true
	// ETH_USDT no price known
	// DOGE_USDT not joined
	// 60214.30 false true 0
}
