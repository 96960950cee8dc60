package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"backbone/client"
	"backbone/client/clienttest"
)

// A consumer keeps the newest price of each instrument, and knows when it may be out of
// date.
func ExampleDial() {
	srv := clienttest.NewServer() // a program dials a real one, as "ws://127.0.0.1:8080"
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := srv.Publish(`{"type":"price_update","instrument":"BTC_USDT","price":60214.30,"ts":1710000000}`); err != nil {
		log.Fatal(err)
	}

	c, err := client.Dial(ctx, srv.URL, nil)
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

// Each room has a function of its own; the one for "" gets everything else.
func ExampleHandlers() {
	srv := clienttest.NewServer() // a program dials a real one, as "ws://127.0.0.1:8080"
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := srv.Publish(`{"type":"price_update","instrument":"BTC_USDT","price":60214.30,"ts":1710000000}`); err != nil {
		log.Fatal(err)
	}

	c, err := client.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.JoinWith(ctx, client.JoinOptions{MarkEmpty: true}, "BTC_USDT", "ETH_USDT"); err != nil {
		log.Fatal(err)
	}
	var h client.Handlers
	h.Handle("BTC_USDT", func(ev client.Event) {
		if u, ok := ev.(client.PriceUpdate); ok {
			fmt.Println(u.Price, "of", u.Time(time.Second).UTC(), "is above 60000:", u.Price.Cmp("60000") > 0)
		}
	})
	h.Handle("", func(ev client.Event) {
		fmt.Printf("%T\n", ev)
		if _, ok := ev.(client.NoSnapshot); ok {
			c.Close() // ends Run
		}
	})
	if err := h.Run(ctx, c); err != nil {
		log.Fatal(err)
	}
	// Output:
	// client.Connected
	// 60214.30 of 2024-03-09 16:00:00 +0000 UTC is above 60000: true
	// client.NoSnapshot
}

// A screen gets two prices a second of each room, and shows those that moved by half a percent.
func ExampleChangeFilter() {
	srv := clienttest.NewServer() // a program dials a real one, as "ws://127.0.0.1:8080"
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.JoinWith(ctx, client.JoinOptions{MaxRate: 2}, "BTC_USDT"); err != nil {
		log.Fatal(err)
	}
	for _, price := range []string{"60000", "60100", "61000", "60301"} { // the server leaves two out
		event := `{"type":"price_update","instrument":"BTC_USDT","price":` + price + `,"ts":1710000000}`
		if err := srv.Publish(event); err != nil {
			log.Fatal(err)
		}
	}
	moved := client.NewChangeFilter("0.5%")
	for ev := range c.Events() {
		if !moved.Pass(ev) {
			continue
		}
		switch ev := ev.(type) {
		case client.Conflated:
			fmt.Println(ev.Skipped, "prices left out")
		case client.PriceUpdate:
			if fmt.Println(ev.Instrument, ev.Price); ev.Price == "60301" {
				return
			}
		}
	}
	// Output:
	// BTC_USDT 60000
	// 2 prices left out
	// BTC_USDT 60301
}

// Stamps say which price of its room each is, and how old it is.
func ExampleConn_JoinWith() {
	srv := clienttest.NewServer() // a program dials a real one, as "ws://127.0.0.1:8080"
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.JoinWith(ctx, client.JoinOptions{Stamp: true}, "BTC_USDT"); err != nil {
		log.Fatal(err)
	}
	for range 2 {
		if err := srv.Publish(`{"type":"price_update","instrument":"BTC_USDT","price":60214.30,"ts":1710000000}`); err != nil {
			log.Fatal(err)
		}
	}
	for ev := range c.Events() {
		switch ev := ev.(type) {
		case client.Missed:
			fmt.Println(ev.Events, "prices of", ev.Room, "were missed while there was no connection")
		case client.PriceUpdate:
			age := time.Since(ev.Stamp.At) // where the clocks of both machines agree
			fmt.Println("price", ev.Stamp.Seq, "is younger than a minute:", age < time.Minute)
			if ev.Stamp.Seq == 2 {
				c.Close() // ends the loop
			}
		}
	}
	// Output:
	// price 1 is younger than a minute: true
	// price 2 is younger than a minute: true
}

// An ingestor publishes without waiting. Close waits until the server has all of it, and
// OnEvent is called for each event that the server rejects.
func ExampleDialIngestor() {
	srv := clienttest.NewServer() // a program dials a real one, as "ws://127.0.0.1:8080"
	defer srv.Close()
	srv.Reject("FORBIDDEN", client.CodeTooManyInstruments, "instrument: the limit is reached")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	p, err := client.DialIngestor(ctx, srv.URL, &client.IngestorOptions{
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

// Many events are on their way while their acknowledgements are awaited in order.
func ExampleIngestor_PublishAsync() {
	srv := clienttest.NewServer() // a program dials a real one, as "ws://127.0.0.1:8080"
	defer srv.Close()
	srv.Reject("FORBIDDEN", client.CodeTooManyInstruments, "instrument: the limit is reached")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	p, err := client.DialIngestor(ctx, srv.URL, nil)
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
			fmt.Println(i, "acknowledged")
		}
	}
	// Output:
	// 0 acknowledged
	// 1 rejected: too_many_instruments
	// 2 acknowledged
}
