package clienttest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"backbone/client"
	"backbone/client/clienttest"
)

// A test of a program that publishes looks at what arrived.
func ExampleServer_Published() {
	srv := clienttest.NewServer()
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	// The program under test.
	p, err := client.DialIngestor(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := p.Publish(ctx, client.PriceUpdate{Instrument: "BTC_USDT", Price: "60214.30", TS: 1710000000}); err != nil {
		log.Fatal(err)
	}
	if err := p.Close(); err != nil {
		log.Fatal(err)
	}

	fmt.Println(srv.Published())
	// Output: [{"type":"price_update","instrument":"BTC_USDT","price":60214.30,"ts":1710000000}]
}

// A test of a program that consumes breaks its connection.
func ExampleServer_Disconnect() {
	srv := clienttest.NewServer()
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	// The program under test.
	c, err := client.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Join(ctx, "BTC_USDT"); err != nil {
		log.Fatal(err)
	}

	srv.Disconnect()
	for ev := range c.Events() {
		switch ev := ev.(type) {
		case client.Disconnected:
			fmt.Println("disconnected")
		case client.Rejoined:
			fmt.Println("joined again:", ev.Rooms)
			c.Close()
		}
	}
	// Output:
	// disconnected
	// joined again: [BTC_USDT]
}
