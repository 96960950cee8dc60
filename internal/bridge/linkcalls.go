package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/partition"
)

// write runs the write script for each call, in one round trip, and again after loading
// it for those that found it missing, which had no effect. Answers are in the order of
// the calls. reloaded says that Redis had forgotten the script.
func (l *link) write(ctx context.Context, calls []call) (answers []rueidis.RedisResult, reloaded bool, err error) {
	answers = l.client.DoMulti(ctx, l.evals(calls)...)
	var again []int
	for i, a := range answers {
		if e, ok := rueidis.IsRedisErr(a.Error()); ok && e.IsNoScript() {
			again = append(again, i)
		}
	}
	if len(again) == 0 {
		return answers, false, nil
	}
	if err := l.load(ctx); err != nil {
		return answers, true, err
	}
	repeated := make([]call, len(again))
	for n, i := range again {
		repeated[n] = calls[i]
	}
	for n, a := range l.client.DoMulti(ctx, l.evals(repeated)...) {
		answers[again[n]] = a
	}
	return answers, true, nil
}

func (l *link) evals(calls []call) []rueidis.Completed {
	cmds := make([]rueidis.Completed, len(calls))
	for i, c := range calls {
		keys, args := c.script()
		cmds[i] = l.client.B().Evalsha().Sha1(l.script.sha).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
	}
	return cmds
}

// rehearse runs the write script for all partitions, without events: at once where a call
// may be for several, and else one by one. A user who may not run it, or a server that
// has not all slots, is found out here and not again and again by what is to be published.
func (l *link) rehearse(ctx context.Context, n names, held partition.Set) error {
	var apart []call
	var all call
	for p := range held.Each() {
		of := parcel{partition: p, channel: n.events(p), keys: []string{n.noPrice(p)}}
		apart, all = append(apart, call{of}), append(all, of)
	}
	if !l.sharded {
		answers, _, err := l.write(ctx, []call{all})
		if err != nil {
			return err
		}
		_, err = decodeWritten(answers[0])
		if l.together = err == nil; l.together {
			return nil
		}
		if !crossSlot(err) {
			return fmt.Errorf("script: %w", err)
		} // else a node of a cluster, or what stands for one; it may have all slots
	}
	answers, _, err := l.write(ctx, apart)
	if err != nil {
		return err
	}
	for _, a := range answers {
		switch _, err := decodeWritten(a); {
		case err == nil:
		case !elsewhere(err):
			return fmt.Errorf("script: %w", err)
		case !l.sharded:
			return nodeOfCluster(err)
		} // else a slot is on its way
	}
	return nil
}

// crossSlot reports whether a server that has slots refused a call for several of them.
func crossSlot(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && strings.HasPrefix(e.Error(), "CROSSSLOT")
}

// stores returns nil if Redis stores values now, or why not. The key must not exist;
// it is not made either.
func (l *link) stores(ctx context.Context, key string) error {
	err := l.client.Do(ctx, l.client.B().Set().Key(key).Value("").Xx().PxMilliseconds(1).Build()).Error()
	if rueidis.IsRedisNil(err) {
		return nil
	}
	return err
}

// price is a stored value as Redis has it.
type price struct {
	value     string
	remaining time.Duration // negative: it never expires
}

// read returns what Redis holds of the keys, grouped by partition, in one round trip,
// and why not for each group. A group may fail alone, as while its slot moves.
func (l *link) read(ctx context.Context, keys [][]string) (found map[string]price, errs []error) {
	cmds := make([]rueidis.Completed, len(keys))
	for i, k := range keys {
		cmds[i] = l.reader.B().Eval().Script(readScript).Numkeys(int64(len(k))).Key(k...).Build()
	}
	found, errs = map[string]price{}, make([]error, len(keys))
	for i, r := range l.reader.DoMulti(ctx, cmds...) {
		if errs[i] = decodePrices(r, keys[i], found); errs[i] != nil {
			l.doubt(errs[i])
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
			continue
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

// doubt ends the session if err says that the connection is lost. A call that took too
// long does not: the library's own PING finds out.
func (l *link) doubt(err error) {
	if _, ok := rueidis.IsRedisErr(err); ok || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return
	}
	select {
	case l.doubts <- err:
	default:
	}
}
