package redundant_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"backbone/client"
	"backbone/client/clienttest"
	"backbone/client/redundant"
)

// The prices go on when one of two instances is gone.
func ExampleDial() {
	a, b := clienttest.NewServer(), clienttest.NewServer() // a program dials instances of one Redis
	defer b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := redundant.Dial(ctx, []string{a.URL, b.URL}, &redundant.Options{OnLine: func(line int, ev client.Event) {
		if down, ok := ev.(client.Disconnected); ok {
			log.Println("line", line, "is down:", down.Err)
		}
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Join(ctx, "BTC_USDT"); err != nil {
		log.Fatal(err)
	}
	a.Close()
	if err := b.Publish(`{"type":"price_update","instrument":"BTC_USDT","price":60214.30,"ts":1710000000}`); err != nil {
		log.Fatal(err)
	}
	for ev := range c.Events() {
		switch ev := ev.(type) {
		case client.PriceUpdate:
			fmt.Println(ev.Instrument, ev.Price)
			c.Close() // ends the loop
		case client.Missed:
			log.Println("no line has brought", ev.Events, "prices of", ev.Room)
		case client.Disconnected:
			log.Println("no line has a connection: prices may be out of date:", ev.Err)
		}
	}
	// Output: BTC_USDT 60214.30
}
