package bridge

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"backbone/internal/bridge/wire"
	"backbone/internal/moment"
	"backbone/internal/partition"
)

// outcome is what became of a call. With an error, its fate is open unless the server says that it
// did not run the script.
type outcome struct {
	written
	repeated bool // fastScript refused the call
	err      error
}

// write makes a round trip. A call goes to fastScript if that can be enough. If the script has
// no effect, because it refuses the call or is missing, the call is repeated behind the others:
// for fullScript, or once the scripts are loaded. The answers are in the order of the calls.
// reloaded says that Redis had forgotten a script.
func (c *redisConns) write(ctx context.Context, with *composer, trip roundTrip) (answers []outcome, reloaded bool, err error) {
	defer with.forget() // what an idle session holds stays in memory
	answers = make([]outcome, len(trip))
	slow := make([]bool, len(trip)) // is for fullScript
	left := make([]int, len(trip))  // numbers of calls without an answer
	for i := range trip {
		left[i] = i
	}
	for {
		cmds := make([]rueidis.Completed, len(left))
		for n, i := range left {
			cmds[n] = c.eval(with, trip[i], &slow[i])
		}
		var again []int
		missing := false
		for n, r := range c.client.DoMulti(ctx, cmds...) {
			i, repeat := left[n], false
			a := &answers[i]
			if slow[i] {
				a.written, a.err = decodeFull(r)
			} else {
				a.written, repeat, a.err = decodeFast(r, trip[i])
				slow[i], a.repeated = repeat, repeat
			}
			if e, ok := rueidis.IsRedisErr(a.err); ok && e.IsNoScript() && !reloaded {
				missing, repeat = true, true
			}
			if repeat {
				again = append(again, i)
			}
		}
		if len(again) == 0 {
			return answers, reloaded, nil
		}
		if missing {
			reloaded = true
			if err := c.load(ctx); err != nil {
				for _, i := range again {
					answers[i].err = err
				}
				return answers, true, err
			}
		}
		left = again
	}
}

// eval returns the command for a call. It sets slow if that is for fullScript.
func (c *redisConns) eval(with *composer, of call, slow *bool) rueidis.Completed {
	now := moment.Now().Steady
	if !*slow {
		if keys, args, ok := with.fast(of, now); ok {
			return c.run(c.scripts.fast, keys, args)
		}
		*slow = true
	}
	keys, args := with.full(of, now)
	return c.run(c.scripts.full, keys, args)
}

func (c *redisConns) run(s script, keys, args []string) rueidis.Completed {
	return c.client.B().Evalsha().Sha1(s.sha).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
}

// publish publishes the messages of a round trip, and neither compares nor stores. Receivers
// compare the versions too.
func (c *redisConns) publish(ctx context.Context, with *composer, trip roundTrip) []outcome {
	var cmds []rueidis.Completed
	for _, call := range trip {
		for i := range call {
			message := with.only(&call[i], moment.Now().Steady)
			if c.bySlot {
				cmds = append(cmds, c.client.B().Spublish().Channel(call[i].channel).Message(message).Build())
			} else {
				cmds = append(cmds, c.client.B().Publish().Channel(call[i].channel).Message(message).Build())
			}
		}
	}
	answers := make([]outcome, len(trip))
	results := c.client.DoMulti(ctx, cmds...)
	for i, call := range trip {
		a := &answers[i]
		for k := range call {
			if err := results[0].Error(); err != nil {
				a.err = err
			} else {
				a.accepted, a.bundles = a.accepted+len(call[k].events), a.bundles+1
			}
			results = results[1:]
		}
	}
	return answers
}

// publishOnly publishes a call that a master refuses to run: it runs no script while another
// master is missing (cluster-require-full-coverage), but passes messages on.
func (c *redisConns) publishOnly(ctx context.Context, with *composer, of call) (w written, err error) {
	a := c.publish(ctx, with, roundTrip{of})[0]
	return a.written, a.err
}

// rehearse runs fullScript for all partitions of the master, without events: in one call where a
// call can be for several, otherwise in one call each. A user without the right to run the
// script, or a server without all slots, is found out here, and not by each event that is
// published.
func (c *redisConns) rehearse(ctx context.Context, n wire.Names, held partition.Set) error {
	var all []string
	var apart []rueidis.Completed
	for p := range held.Each() {
		key := []string{n.NoLast(p)}
		all, apart = append(all, key...), append(apart, c.run(c.scripts.full, key, nil))
	}
	if !c.bySlot {
		_, err := decodeFull(c.client.Do(ctx, c.run(c.scripts.full, all, nil)))
		if c.together = err == nil; c.together {
			return nil
		}
		if !crossSlot(err) {
			return fmt.Errorf("script: %w", err)
		} // else a node of a cluster, or a proxy for one; it may have all slots
	}
	for _, r := range c.client.DoMulti(ctx, apart...) {
		switch _, err := decodeFull(r); {
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

// movedAway reports whether a node of a cluster refused a call because another node has the
// slot. A script without keys, for messages alone, begins all the same, and is refused when it
// publishes.
func movedAway(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	if !ok {
		return false
	}
	_, moved := e.IsMoved()
	return moved || strings.Contains(e.Error(), "access a non local key") // Valkey writes the word before with a capital
}

// elsewhere reports whether a node of a cluster did not run a script because another node
// has the slot, or may have it, or because the cluster is not whole.
func elsewhere(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	if !ok {
		return false
	}
	_, moved := e.IsMoved()
	_, ask := e.IsAsk()
	return moved || ask || e.IsTryAgain() || e.IsClusterDown()
}

// nodeOfCluster explains err where the URL names a server that is not a cluster.
func nodeOfCluster(err error) error {
	return fmt.Errorf("the server is a node of a cluster and does not have all rooms: use redis+cluster://: %w", err)
}
