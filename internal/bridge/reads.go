package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/awake"
	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// ErrDown answers a read while there is no connection to its master.
var ErrDown = errors.New("redis is not reachable")

var errBusy = errors.New("too many concurrent reads of last prices")

// Bounds of reads.
const (
	maxReads    = 64  // under way
	maxReadKeys = 500 // of one script call
)

// reader says that partitions can be read over conns, or no longer.
type reader struct {
	partitions partition.Set
	conns      *redisConns
	up         bool
}

// reads answers Options.Reads promptly, whether Redis is reachable or not.
type reads struct {
	opts    *Options
	names   wire.Names
	readers chan reader
	count   *counters
	garbage *garbage
}

// run answers until ended is closed.
func (r *reads) run(ctx context.Context, ended <-chan struct{}) {
	var running sync.WaitGroup
	defer running.Wait()
	var conns [partition.Count]*redisConns // of each partition; nil: it cannot be read
	places := make(chan struct{}, maxReads)
	for {
		select {
		case <-ended:
			return
		case from := <-r.readers:
			for p := range from.partitions.Each() {
				conns[p] = nil
				if from.up {
					conns[p] = from.conns
				}
			}
		case rooms := <-r.opts.Reads:
			r.count.reads.Add(1)
			if r.opts.TTL == 0 {
				r.opts.Sink.LastPrices(ctx, rooms, nil, nil)
				continue
			}
			for _, part := range divideReads(rooms, &conns) {
				switch {
				case part.conns == nil:
					r.fail(ctx, part.rooms, ErrDown)
				case len(places) == maxReads:
					r.fail(ctx, part.rooms, errBusy)
				default:
					places <- struct{}{}
					running.Go(func() {
						defer func() { <-places }()
						r.answer(ctx, part.conns, part.rooms)
					})
				}
			}
		}
	}
}

type readPart struct {
	conns *redisConns
	rooms []string
}

// divideReads divides rooms by the connections that can read them.
func divideReads(rooms []string, conns *[partition.Count]*redisConns) (parts []readPart) {
	for _, room := range rooms {
		c := conns[partition.Of(room)]
		i := slices.IndexFunc(parts, func(p readPart) bool { return p.conns == c })
		if i < 0 {
			i, parts = len(parts), append(parts, readPart{conns: c})
		}
		parts[i].rooms = append(parts[i].rooms, room)
	}
	return parts
}

func (r *reads) fail(ctx context.Context, rooms []string, err error) {
	r.count.readErrors.Add(1)
	r.opts.Sink.LastPrices(ctx, rooms, nil, err)
}

func (r *reads) answer(ctx context.Context, from *redisConns, rooms []string) {
	timed, cancel := context.WithTimeout(ctx, r.opts.ReadTimeout)
	groups := byPartition(rooms, max(1, maxReadKeys/len(r.opts.Types)))
	keys := make([][]string, len(groups))
	for i, g := range groups {
		for _, room := range g {
			for _, typ := range r.opts.Types {
				keys[i] = append(keys[i], r.names.Last(typ, room))
			}
		}
	}
	now := moment.Now() // taken before the read: its duration counts as age
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

// values returns the values of rooms, of each type, that were found and can be parsed.
func (r *reads) values(rooms []string, found map[string]price, now moment.Time) []hub.BroadcastEvent {
	events := make([]hub.BroadcastEvent, 0, len(found))
	for _, room := range rooms {
		for _, typ := range r.opts.Types {
			key := r.names.Last(typ, room)
			p, ok := found[key]
			if !ok {
				continue
			}
			e, ok := wire.DecodeValue(room, typ, p.value, p.remaining, r.opts.TTL, now)
			if !ok || r.opts.Valid != nil && !r.opts.Valid(&e) {
				r.garbage.found(foreignValue, key, 1)
				continue
			}
			events = append(events, e)
		}
	}
	return events
}

// byPartition groups rooms for the calls of the read script, at most limit in each.
func byPartition(rooms []string, limit int) (groups [][]string) {
	var open [partition.Count][]string
	for _, room := range rooms {
		p := partition.Of(room)
		open[p] = append(open[p], room)
		if len(open[p]) == limit {
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

// price is a stored value as Redis has it.
type price struct {
	value     string        // "" also where no instance can have stored it
	remaining time.Duration // negative: it never expires
}

// read returns what Redis holds of keys, which are grouped by partition, in one round trip.
// It returns an error for each group, because a group can fail alone, as while its slot moves.
func (c *redisConns) read(ctx context.Context, keys [][]string) (found map[string]price, errs []error) {
	cmds := make([]rueidis.Completed, len(keys))
	for i, k := range keys {
		cmds[i] = c.reader.B().Eval().Script(readScript).Numkeys(int64(len(k))).Key(k...).Arg(strconv.Itoa(wire.MaxBytes)).Build()
	}
	found, errs = map[string]price{}, make([]error, len(keys))
	for i, r := range c.reader.DoMulti(ctx, cmds...) {
		if errs[i] = decodePrices(r, keys[i], found); errs[i] != nil {
			c.doubt(errs[i])
		}
	}
	return found, errs
}

// decodePrices puts the answer of the read script for keys into found.
func decodePrices(r rueidis.RedisResult, keys []string, found map[string]price) error {
	fields, err := r.ToArray()
	if err != nil {
		return err
	}
	if len(fields) != 2*len(keys) {
		return fmt.Errorf("the read script answered %d fields, not %d", len(fields), 2*len(keys))
	}
	for n, key := range keys {
		if fields[2*n].IsNil() {
			continue // there is no value
		}
		value, err := fields[2*n].ToString()
		if err != nil {
			return err
		}
		left, err := fields[2*n+1].AsInt64()
		if err != nil {
			return err
		}
		found[key] = price{value, time.Duration(left) * time.Millisecond}
	}
	return nil
}

// doubt ends the session if err says that the connection is lost. A call that took too long
// does not say so: listen finds out.
func (c *redisConns) doubt(err error) {
	if _, ok := rueidis.IsRedisErr(err); ok || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return
	}
	select {
	case c.doubts <- err:
	default:
	}
}

// listen pings the reading connection, which may be idle, so that its end does not wait for a read.
func (x *session) listen(ctx context.Context) error {
	ticker := time.NewTicker(x.shared.opts.Heartbeat)
	defer ticker.Stop()
	for {
		// The ping may wait for a place behind the reads, whatever becomes of ctx.
		answered := make(chan error, 1)
		go func() { answered <- x.conns.ping(ctx) }()
		if err := x.hears(ctx, answered); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// hears waits for the answer to a ping for as long as anything comes on the reading connection: the
// answers to reads come first.
func (x *session) hears(ctx context.Context, answered <-chan error) error {
	for {
		read := x.conns.reading.read.Load()
		timed, cancel := awake.WithTimeout(ctx, x.shared.opts.CallTimeout)
		select {
		case err := <-answered:
			cancel()
			if _, refused := rueidis.IsRedisErr(err); err == nil || refused {
				return nil
			}
			return fmt.Errorf("read: ping: %w", err)
		case <-timed.Done():
			cancel()
		}
		if ctx.Err() != nil || x.conns.reading.read.Load() == read {
			return fmt.Errorf("read: ping: %w", timed.Err())
		}
	}
}
