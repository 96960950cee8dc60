package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"backbone/client"
)

const (
	probeRooms = 20
	probeEvery = 2500 * time.Microsecond
)

// probe publishes prices in rooms of its own and takes them as a consumer.
type probe struct {
	ingestor *client.Ingestor
	consumer *client.Conn
	over     chan struct{}             // closed by stop
	ended    chan struct{}             // closed when the publisher has ended
	asked    chan chan []time.Duration // to the reader: the ages so far, and begin anew
}

// newProbe gives rooms a last price, and begins.
func newProbe(ctx context.Context, rooms int, url string) (*probe, error) {
	p := &probe{over: make(chan struct{}), ended: make(chan struct{}), asked: make(chan chan []time.Duration)}
	var err error
	if p.ingestor, err = client.DialIngestor(ctx, url, nil); err != nil {
		return nil, err
	}
	for from := 0; from < rooms; from += 500 {
		var prices []client.PriceUpdate
		for i := from; i < min(from+500, rooms); i++ {
			prices = append(prices, client.PriceUpdate{Instrument: roomName(i), Price: "60214.30", TS: 1710000000000})
		}
		if err := p.ingestor.PublishBatch(ctx, prices); err != nil {
			return nil, err
		}
	}
	if _, err := p.ingestor.Ping(ctx); err != nil {
		return nil, err
	}
	if p.consumer, err = client.Dial(ctx, url, nil); err != nil {
		return nil, err
	}
	var own []string
	for i := range probeRooms {
		own = append(own, fmt.Sprint("PROBE", i))
	}
	if err := p.consumer.Join(ctx, own...); err != nil {
		return nil, err
	}
	go p.publish(ctx, own)
	go p.read()
	return p, nil
}

func (p *probe) publish(ctx context.Context, rooms []string) {
	defer close(p.ended)
	every := time.NewTicker(probeEvery)
	defer every.Stop()
	for n := 0; ; n++ {
		select {
		case <-every.C:
		case <-p.over:
			return
		}
		price := client.PriceUpdate{Instrument: rooms[n%len(rooms)], Price: "1", TS: time.Now().UnixMicro()}
		if p.ingestor.Publish(ctx, price) != nil {
			return
		}
	}
}

func (p *probe) read() {
	var ages []time.Duration
	for {
		select {
		case event, open := <-p.consumer.Events():
			if !open {
				return
			}
			if u, is := event.(client.PriceUpdate); is && !u.Snapshot {
				ages = append(ages, time.Since(time.UnixMicro(u.TS)))
			}
		case to := <-p.asked:
			to <- ages
			ages = nil
		}
	}
}

// collect returns the ages since the last time that it was called.
func (p *probe) collect() []time.Duration {
	to := make(chan []time.Duration, 1)
	p.asked <- to
	return <-to
}

// figures are the cells of a row: the number of prices, three percentiles, the longest.
func (p *probe) figures() []string {
	ages := p.collect()
	if len(ages) == 0 {
		return []string{"0", "", "", "", ""}
	}
	slices.Sort(ages)
	cells := []string{fmt.Sprint(len(ages))}
	for _, share := range []float64{0.5, 0.9, 0.99, 1} {
		age := ages[min(int(share*float64(len(ages))), len(ages)-1)]
		cells = append(cells, age.Round(10*time.Microsecond).String())
	}
	return cells
}

func (p *probe) stop() {
	close(p.over)
	<-p.ended
	p.ingestor.CloseNow()
	p.consumer.Close()
}
