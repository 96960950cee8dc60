// Command alert says when a price has moved by 0.5 % or more within a minute.
package main

import (
	"context"
	"log"
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
	move := client.MinChange("0.5%")
	minute := map[string][]client.PriceUpdate{} // by instrument, oldest first
	for ; err == nil; err = conn.Err() {        // for as long as the server lets it in
		if u, ok := (<-conn.Events()).(client.PriceUpdate); ok {
			last := slices.DeleteFunc(minute[u.Instrument], func(old client.PriceUpdate) bool { return u.Stamp.At.Sub(old.Stamp.At) > time.Minute })
			minute[u.Instrument] = append(last, u)
			if i := slices.IndexFunc(last, func(old client.PriceUpdate) bool { return move.Reached(old.Price, u.Price) }); i >= 0 {
				log.Printf("%s: from %s to %s in %v", u.Instrument, last[i].Price, u.Price, u.Stamp.At.Sub(last[i].Stamp.At))
				minute[u.Instrument] = []client.PriceUpdate{u}
			}
		}
	}
	log.Fatal(err)
}
