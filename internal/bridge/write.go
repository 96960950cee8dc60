package bridge

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"backbone/internal/bridge/wire"
	"backbone/internal/partition"
)

// write makes a round trip. Calls that find the script missing have no effect, so write
// loads the script and repeats them. The answers are in the order of the calls. reloaded says
// that Redis had forgotten the script.
func (c *redisConns) write(ctx context.Context, trip roundTrip) (answers []rueidis.RedisResult, reloaded bool, err error) {
	answers = c.client.DoMulti(ctx, c.evals(trip)...)
	var again []int
	for i, a := range answers {
		if e, ok := rueidis.IsRedisErr(a.Error()); ok && e.IsNoScript() {
			again = append(again, i)
		}
	}
	if len(again) == 0 {
		return answers, false, nil
	}
	if err := c.load(ctx); err != nil {
		return answers, true, err
	}
	repeated := make(roundTrip, len(again))
	for n, i := range again {
		repeated[n] = trip[i]
	}
	for n, a := range c.client.DoMulti(ctx, c.evals(repeated)...) {
		answers[again[n]] = a
	}
	return answers, true, nil
}

// publishOnly publishes a call without comparing or storing: a master runs no script while
// another master is missing (cluster-require-full-coverage), but passes messages on. Receivers
// compare the versions too.
func (c *redisConns) publishOnly(ctx context.Context, call call) (w written, err error) {
	cmds := make([]rueidis.Completed, len(call))
	for i := range call {
		cmds[i] = c.client.B().Spublish().Channel(call[i].channel).Message(call[i].message()).Build()
	}
	for i, a := range c.client.DoMulti(ctx, cmds...) {
		if err := a.Error(); err != nil {
			return w, err
		}
		w.accepted, w.bundles = w.accepted+call[i].events, w.bundles+1
	}
	return w, nil
}

func (c *redisConns) evals(trip roundTrip) []rueidis.Completed {
	cmds := make([]rueidis.Completed, len(trip))
	for i, call := range trip {
		keys, args := call.script()
		cmds[i] = c.client.B().Evalsha().Sha1(c.script.sha).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
	}
	return cmds
}

// rehearse runs the write script for all partitions of the master, without events: in one
// call where a call can be for several, otherwise in one call each. A user without the right
// to run the script, or a server without all slots, is found out here, and not by each event
// that is published.
func (c *redisConns) rehearse(ctx context.Context, n wire.Names, held partition.Set) error {
	var apart roundTrip
	var all call
	for p := range held.Each() {
		of := bundle{partition: p, channel: n.Events(p), keys: []string{n.NoLast(p)}}
		apart, all = append(apart, call{of}), append(all, of)
	}
	if !c.bySlot {
		answers, _, err := c.write(ctx, roundTrip{all})
		if err != nil {
			return err
		}
		_, err = decodeWritten(answers[0])
		if c.together = err == nil; c.together {
			return nil
		}
		if !crossSlot(err) {
			return fmt.Errorf("script: %w", err)
		} // else a node of a cluster, or a proxy for one; it may have all slots
	}
	answers, _, err := c.write(ctx, apart)
	if err != nil {
		return err
	}
	for _, a := range answers {
		switch _, err := decodeWritten(a); {
		case err == nil:
		case !elsewhere(err):
			return fmt.Errorf("script: %w", err)
		case !c.bySlot:
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

// stores returns nil if Redis stores values now, or the reason why not. The key must not
// exist, and stores does not create it.
func (c *redisConns) stores(ctx context.Context, key string) error {
	err := c.client.Do(ctx, c.client.B().Set().Key(key).Value("").Xx().PxMilliseconds(1).Build()).Error()
	if rueidis.IsRedisNil(err) {
		return nil
	}
	return err
}
