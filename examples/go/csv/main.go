// Command csv publishes lines of CSV: instrument,price,ts.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"backbone/client"
)

func main() {
	p, err := client.DialIngestor(context.Background(), os.Args[1], &client.IngestorOptions{
		Options: client.Options{APIKey: os.Getenv("BACKBONE_API_KEY")},
		OnEvent: func(ev client.Event) { log.Printf("%T: %+v", ev, ev) }, // refused by the server, disconnected
	})
	if err != nil {
		log.Fatal(err)
	}
	in := bufio.NewScanner(os.Stdin)
	for n := 1; in.Scan(); n++ {
		var u client.PriceUpdate
		_, err := fmt.Sscanf(strings.ReplaceAll(in.Text(), ",", " "), "%s %s %d", &u.Instrument, &u.Price, &u.TS)
		if err == nil {
			err = p.Publish(context.Background(), u)
		}
		if err != nil {
			log.Printf("line %d: %v", n, err)
		}
	}
	err = p.Close() // waits until the server has everything
	log.Printf("%d sent, %d refused, error: %v", p.Stats().Sent, p.Stats().Refused, err)
}
