// Command prices serves current prices over HTTP, each request from a goroutine of its own.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"backbone/client/book"
)

func main() {
	b, err := book.Dial(context.Background(), os.Args[1], &book.Options{SilentAfter: time.Minute}, os.Args[3:]...)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /{instrument}", func(w http.ResponseWriter, r *http.Request) {
		q, fresh := b.Get(r.PathValue("instrument"))
		if !fresh {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = fmt.Fprintf(w, "%s %s %v old, %v\n", q.Instrument, q.Price, q.Age, q.Why)
	})
	server := &http.Server{Addr: os.Args[2], ReadHeaderTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}
