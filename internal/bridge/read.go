package bridge

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/bridge/wire"
)

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
// does not say so: the library's own PING finds out.
func (c *redisConns) doubt(err error) {
	if _, ok := rueidis.IsRedisErr(err); ok || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return
	}
	select {
	case c.doubts <- err:
	default:
	}
}
