package feed

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/feed"
	"backbone/internal/human"
	"backbone/internal/refusals"
	"backbone/protocol"
)

// outlet returns where the prices go, and what to call when no more come.
func (c *Cmd) outlet(ctx context.Context, s cli.Streams, m mapping, log *slog.Logger) (publish func(context.Context, []feed.Price) error, finish func() error, err error) {
	if c.Print {
		return func(_ context.Context, prices []feed.Price) error { return s.Print(m.lines(prices)) }, func() error { return nil }, nil
	}
	if c.Key, err = c.ReadKey(); err != nil {
		return nil, nil, err
	}
	opt, err := c.Options()
	if err != nil {
		return nil, nil, err
	}
	answers := newAnswers(log)
	ingestor, err := client.DialIngestor(ctx, c.URL(), &client.IngestorOptions{Options: opt, OnEvent: answers.hear})
	if err != nil {
		answers.close()
		return nil, nil, c.Failure(err)
	}
	publish = func(ctx context.Context, prices []feed.Price) error {
		err := ingestor.PublishBatch(ctx, m.updates(prices))
		if ended := ingestor.Err(); ended != nil {
			return c.Failure(ended)
		}
		return err
	}
	finish = func() error {
		err := ingestor.Close() // writes what waits
		answers.close()
		if errors.Is(err, client.ErrConnectionLost) {
			return cli.Failf(cli.ExitRejected, "the last prices may be lost: %s", human.Error(err))
		}
		return err
	}
	return publish, finish, nil
}

// updates are prices as the server takes them.
func (m mapping) updates(prices []feed.Price) []client.PriceUpdate {
	list := make([]client.PriceUpdate, len(prices))
	for i := range prices {
		p := &prices[i]
		list[i] = client.PriceUpdate{Instrument: m.instruments[p.Symbol], Price: json.Number(p.Text), TS: p.TS, Data: data(p)}
	}
	return list
}

// lines are prices as the server sends them to consumers.
func (m mapping) lines(prices []feed.Price) (text []byte) {
	for i := range prices {
		p := &prices[i]
		line := protocol.ServerMessage{Type: protocol.TypePriceUpdate, Instrument: m.instruments[p.Symbol], Price: json.Number(p.Text), TS: &p.TS, Data: data(p)}
		text = append(line.Append(text), '\n')
	}
	return text
}

// data is what else is known of a price, nil if nothing is. Numbers keep their digits.
func data(p *feed.Price) json.RawMessage {
	var b []byte
	add := func(name string, value []byte) {
		if b == nil {
			b = append(make([]byte, 0, 96), '{')
		} else {
			b = append(b, ',')
		}
		b = append(append(append(append(b, '"'), name...), '"', ':'), value...)
	}
	for _, number := range []struct{ name, text string }{{"size", p.Size}, {"bid", p.Bid}, {"ask", p.Ask}} {
		if len(number.text) <= protocol.MaxPriceLength && protocol.ValidNumber(number.text) {
			add(number.name, []byte(number.text))
		}
	}
	if p.Side == feed.Buy || p.Side == feed.Sell {
		add("side", []byte(`"`+p.Side+`"`))
	}
	if p.ID != "" && len(p.ID) <= maxID {
		add("id", protocol.Text(p.ID))
	}
	if b == nil {
		return nil
	}
	return append(b, '}')
}

// maxID bounds the id of a trade, in bytes. Longer ones are nothing that an exchange gives.
const maxID = 128

// answers logs what the server says that nothing else returns.
type answers struct {
	log  *refusals.Log
	stop chan struct{}
	done chan struct{}
}

// connection and outage are the kinds of lines about the server.
func connection() refusals.Kind {
	return refusals.Kind{Message: "the connection to the server is lost and is made anew", Warning: true}
}

func outage() refusals.Kind {
	return refusals.Kind{Message: "prices were left out while there was no connection to the server", Warning: true}
}

func rejection(code protocol.Code) refusals.Kind {
	return refusals.Kind{Message: "the server rejects a price", Key: "code", Of: string(code), Warning: true}
}

func newAnswers(log *slog.Logger) *answers {
	kinds := []refusals.Kind{connection(), outage()}
	for _, code := range protocol.Codes() {
		kinds = append(kinds, rejection(code))
	}
	a := &answers{log: refusals.New(log, kinds...), stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.log.Run(a.stop)
	}()
	return a
}

// hear is called by the ingestor.
func (a *answers) hear(e client.Event) {
	switch e := e.(type) {
	case client.Disconnected:
		a.log.Tell(connection(), "why", human.Error(e.Err))
	case client.LeftOut:
		a.log.Tell(outage(), "conflated", e.Conflated, "dropped", e.Dropped)
	case *client.RequestError:
		a.log.Tell(rejection(e.Code), "why", e.Message)
	}
}

func (a *answers) close() {
	close(a.stop)
	<-a.done
}
