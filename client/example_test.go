package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"backbone/client"
)

// A consumer keeps the newest price of each instrument, and knows when it may be out of
// date.
func ExampleDial() {
	url, stop := client.StartFakeServer() // in a program: "ws://127.0.0.1:8080"
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	publish(ctx, url, client.PriceUpdate{Instrument: "BTC_USDT", Price: "60214.30", TS: 1710000000})

	c, err := client.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.JoinWith(ctx, client.JoinOptions{MarkEmpty: true}, "BTC_USDT", "ETH_USDT"); err != nil {
		log.Fatal(err)
	}
	for ev := range c.Events() {
		switch ev := ev.(type) {
		case client.Connected:
			fmt.Println("connected")
		case client.PriceUpdate:
			fmt.Println(ev.Instrument, ev.Price, "snapshot:", ev.Snapshot)
		case client.Conflated:
			fmt.Println(ev.Skipped, "prices left out: this program is too slow")
		case client.NoSnapshot:
			fmt.Println(ev.Room, "has no price yet")
			c.Close() // ends the loop
		case client.Disconnected:
			fmt.Println("prices may be stale:", ev.Err)
		case client.Rejoined:
			fmt.Println("prices are fresh again in", ev.Rooms)
		}
	}
	if err := c.Err(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// connected
	// BTC_USDT 60214.30 snapshot: true
	// ETH_USDT has no price yet
}

func publish(ctx context.Context, url string, u client.PriceUpdate) {
	p, err := client.DialIngestor(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	if err := p.PublishAck(ctx, u); err != nil {
		log.Fatal(err)
	}
}

// An ingestor publishes without waiting. Close waits until all of it is taken in, and
// OnEvent hears what was not.
func ExampleDialIngestor() {
	url, stop := client.StartFakeServer() // in a program: "ws://127.0.0.1:8080"
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	p, err := client.DialIngestor(ctx, url, &client.IngestorOptions{
		Options: client.Options{APIKey: "from-a-file-or-the-environment"},
		OnEvent: func(ev client.Event) {
			switch ev := ev.(type) {
			case *client.RequestError:
				fmt.Println("rejected:", ev.Message)
			case client.Disconnected:
				fmt.Println("events may be lost:", ev.Err)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, instrument := range []string{"BTC_USDT", "FORBIDDEN", "ETH_USDT"} {
		u := client.PriceUpdate{Instrument: instrument, Price: "1.10", TS: time.Now().UnixMilli()}
		if err := p.Publish(ctx, u); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("close:", p.Close())
	// Output:
	// rejected: instrument: the limit is reached
	// close: <nil>
}

// Many events are on their way while their answers are awaited in order.
func ExampleIngestor_PublishAsync() {
	url, stop := client.StartFakeServer() // in a program: "ws://127.0.0.1:8080"
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	p, err := client.DialIngestor(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	var pending []*client.Pending
	for i, instrument := range []string{"BTC_USDT", "FORBIDDEN", "ETH_USDT"} {
		w, err := p.PublishAsync(ctx, client.PriceUpdate{Instrument: instrument, Price: "1.10", TS: int64(i)})
		if err != nil {
			log.Fatal(err)
		}
		pending = append(pending, w)
	}
	for i, w := range pending {
		err := w.Wait(ctx)
		var rejected *client.RequestError
		switch {
		case errors.As(err, &rejected):
			fmt.Println(i, "rejected:", rejected.Code)
		case errors.Is(err, client.ErrConnectionLost):
			fmt.Println(i, "may be lost")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(i, "taken in")
		}
	}
	// Output:
	// 0 taken in
	// 1 rejected: too_many_instruments
	// 2 taken in
}
