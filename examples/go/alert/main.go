// Command alert says when a price has moved by 0.5 % or more within a minute.
package main

import (
	"context"
	"log"
	"math"
	"os"
	"slices"
	"time"

	"backbone/client"
)

func main() {
	conn, err := client.Dial(context.Background(), os.Args[1], nil)
	if err == nil {
		err = conn.JoinWith(context.Background(), client.JoinOptions{Stamp: true}, os.Args[2:]...)
	}
	if err != nil {
		log.Fatal(err)
	}
	minute := map[string][]client.PriceUpdate{} // by instrument, oldest first
	for ev := range conn.Events() {
		if u, ok := ev.(client.PriceUpdate); ok {
			last := slices.DeleteFunc(minute[u.Instrument], func(old client.PriceUpdate) bool { return u.Stamp.At.Sub(old.Stamp.At) > time.Minute })
			if i := slices.IndexFunc(last, func(old client.PriceUpdate) bool { return math.Abs(u.Price.Change(old.Price)) >= 0.005 }); i >= 0 {
				log.Printf("%s: from %s to %s in %v", u.Instrument, last[i].Price, u.Price, u.Stamp.At.Sub(last[i].Stamp.At))
				last = nil
			}
			minute[u.Instrument] = append(last, u)
		}
	}
	log.Fatal(conn.Err())
}
