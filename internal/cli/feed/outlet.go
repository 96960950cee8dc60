package feed

import (
	"context"
	"errors"
	"log/slog"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/cli/exchange"
	"backbone/internal/feed"
	"backbone/internal/human"
	"backbone/internal/refusals"
	"backbone/protocol"
)

// outlet returns where the prices go, and what to call when no more come. It calls over when the server takes no more
// of them, however long the next one is in coming.
func (c *Cmd) outlet(ctx context.Context, over func(), s cli.Streams, m exchange.Mapping, log *slog.Logger) (publish func(context.Context, []feed.Price) error, finish func() error, err error) {
	if c.Print {
		return func(_ context.Context, prices []feed.Price) error { return s.Print(m.Lines(prices)) }, func() error { return nil }, nil
	}
	opt, err := c.Options()
	if err != nil {
		return nil, nil, err
	}
	opt.OnStateChange = func(st client.State) {
		if st.Ended {
			over()
		}
	}
	answers := newAnswers(log)
	ingestor, err := client.DialIngestor(ctx, c.URL(), &client.IngestorOptions{Options: opt, OnEvent: answers.hear})
	if err != nil {
		answers.close()
		return nil, nil, c.Failure(err)
	}
	publish = func(ctx context.Context, prices []feed.Price) error {
		err := ingestor.PublishBatch(ctx, m.Updates(prices))
		if ended := ingestor.Err(); ended != nil {
			return c.Failure(ended)
		}
		return err
	}
	finish = func() error {
		if ended := ingestor.Err(); ended != nil {
			_ = ingestor.CloseNow() // what waits there is told by the error
			answers.close()
			return c.Failure(ended)
		}
		err := ingestor.Close() // writes what waits
		answers.close()
		if errors.Is(err, client.ErrConnectionLost) {
			return cli.Failf(cli.ExitRejected, "the last prices may be lost: %s", human.Error(err))
		}
		return err
	}
	return publish, finish, nil
}

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
