package bridge

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// ErrDown answers a read while there is no link.
var ErrDown = errors.New("redis is not reachable")

var errBusy = errors.New("too many reads of last prices at once")

// Bounds of reads.
const (
	maxReads    = 64  // under way at once
	maxReadKeys = 500 // of one script call
)

// readLink is a link to read from, or one that is lost.
type readLink struct {
	partitions partition.Set
	*link
	up bool
}

// reads answers Options.Reads: promptly, whether there is a link or not.
type reads struct {
	opts  *Options
	names names
	links chan readLink
	count *counters
}

// run answers until ended is closed.
func (r *reads) run(ctx context.Context, ended <-chan struct{}) {
	var running sync.WaitGroup
	defer running.Wait()
	var links [partition.Count]*link // nil: there is none
	places := make(chan struct{}, maxReads)
	for {
		select {
		case <-ended:
			return
		case l := <-r.links:
			for p := range l.partitions.Each() {
				links[p] = nil
				if l.up {
					links[p] = l.link
				}
			}
		case rooms := <-r.opts.Reads:
			r.count.reads.Add(1)
			if r.opts.TTL == 0 {
				r.opts.Sink.LastPrices(ctx, rooms, nil, nil)
				continue
			}
			for _, part := range byLink(rooms, &links) {
				switch {
				case part.link == nil:
					r.fail(ctx, part.rooms, ErrDown)
				case len(places) == maxReads:
					r.fail(ctx, part.rooms, errBusy)
				default:
					places <- struct{}{}
					running.Go(func() {
						defer func() { <-places }()
						r.answer(ctx, part.link, part.rooms)
					})
				}
			}
		}
	}
}

type readPart struct {
	link  *link
	rooms []string
}

// byLink divides rooms by the link that reads them.
func byLink(rooms []string, links *[partition.Count]*link) (parts []readPart) {
	for _, room := range rooms {
		l := links[partition.Of(room)]
		i := slices.IndexFunc(parts, func(p readPart) bool { return p.link == l })
		if i < 0 {
			i, parts = len(parts), append(parts, readPart{link: l})
		}
		parts[i].rooms = append(parts[i].rooms, room)
	}
	return parts
}

func (r *reads) fail(ctx context.Context, rooms []string, err error) {
	r.count.readErrors.Add(1)
	r.opts.Sink.LastPrices(ctx, rooms, nil, err)
}

func (r *reads) answer(ctx context.Context, from *link, rooms []string) {
	timed, cancel := context.WithTimeout(ctx, r.opts.ReadTimeout)
	groups := byPartition(rooms)
	keys := make([][]string, len(groups))
	for i, g := range groups {
		for _, room := range g {
			keys[i] = append(keys[i], r.names.lastPrice(room))
		}
	}
	now := time.Now().UnixNano() // before: the time under way counts as part of a value's age
	found, errs := from.read(timed, keys)
	cancel()
	var answered, failed []string
	var reason error
	for i, g := range groups {
		if errs[i] == nil {
			answered = append(answered, g...)
		} else {
			failed, reason = append(failed, g...), errs[i]
		}
	}
	if len(failed) > 0 {
		r.fail(ctx, failed, reason)
	}
	if len(answered) > 0 {
		r.opts.Sink.LastPrices(ctx, answered, r.values(answered, found, now), nil)
	}
}

// values are those of the rooms that are found and can be read.
func (r *reads) values(rooms []string, found map[string]price, now int64) []hub.BroadcastEvent {
	events := make([]hub.BroadcastEvent, 0, len(found))
	for _, room := range rooms {
		p, ok := found[r.names.lastPrice(room)]
		if !ok {
			continue
		}
		e, ok := decodeValue(room, p.value, p.remaining, r.opts.TTL, now)
		if !ok {
			r.count.garbage.Add(1)
			continue
		}
		events = append(events, e)
	}
	return events
}

// byPartition groups rooms for the calls of the read script.
func byPartition(rooms []string) (groups [][]string) {
	var open [partition.Count][]string
	for _, room := range rooms {
		p := partition.Of(room)
		open[p] = append(open[p], room)
		if len(open[p]) == maxReadKeys {
			groups, open[p] = append(groups, open[p]), nil
		}
	}
	for _, g := range open {
		if len(g) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}
