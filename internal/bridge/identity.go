package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"backbone/internal/bridge/flaws"
	"backbone/internal/bridge/wire"
	"backbone/internal/partition"
)

// identity distinguishes a Redis from another one at the same address. It is empty where the
// server does not say.
type identity struct {
	runID, role string
	flaw        string // what is wrong with its version; "": nothing is known
}

// sentinelRole is what a sentinel, which names no role, has for one.
const sentinelRole = "sentinel"

// prepare asks the server for its identity, loads the scripts, and tries to publish to the
// partitions that the master holds.
func (c *redisConns) prepare(ctx context.Context, n wire.Names, held partition.Set) (err error) {
	if err := c.ping(ctx); err != nil && !works(err) {
		return fmt.Errorf("ping: %w", err)
	}
	if c.identity, err = c.whoami(ctx); err != nil {
		return err
	}
	switch c.identity.role {
	case "", "master":
	case sentinelRole:
		return errors.New("the server is a sentinel: expected the address of Redis, or redis+sentinel:// and the name of the master")
	case "active-replica":
		return errors.New("the server is an active replica of KeyDB: two such servers can keep different prices; expected one master")
	default:
		return fmt.Errorf("the server is a %s: expected a master", c.identity.role)
	}
	if err := c.load(ctx); err != nil {
		return err
	}
	return c.rehearse(ctx, n, held)
}

// ping asks for an answer on the reading connection.
func (c *redisConns) ping(ctx context.Context) error {
	return c.reader.Do(ctx, c.reader.B().Ping().Build()).Error()
}

// whoami asks the server for its identity.
func (c *redisConns) whoami(ctx context.Context) (identity, error) {
	b := c.client.B()
	res := c.client.DoMulti(ctx, b.Info().Section("server").Build(), b.Info().Section("replication").Build())
	id, err := decodeIdentity(res[0], res[1])
	if info, refused := res[0].ToString(); refused == nil {
		id.flaw = flaws.Of(info)
		if strings.Contains(info, "redis_mode:sentinel") {
			id.role = sentinelRole
		}
	}
	return id, err
}

// works reports whether an error of a PING is the answer of a server that works. A server that
// can not write its disk refuses PING, and takes everything that the bridge needs.
func works(err error) bool {
	answer, ok := rueidis.IsRedisErr(err)
	if !ok {
		return false
	}
	switch code, _, _ := strings.Cut(answer.Error(), " "); code {
	case "NOAUTH", "NOPERM", "LOADING":
		return false
	default:
		return true
	}
}

// load makes the scripts known. Where the command for that is refused, a run of a script without
// keys does the same.
func (c *redisConns) load(ctx context.Context) error {
	for _, s := range []script{c.scripts.fast, c.scripts.full} {
		err := c.client.Do(ctx, c.client.B().ScriptLoad().Script(s.text).Build()).Error()
		if _, refused := rueidis.IsRedisErr(err); refused && c.client.Do(ctx, c.client.B().Eval().Script(s.text).Numkeys(0).Build()).Error() == nil {
			continue
		}
		if err != nil {
			return fmt.Errorf("script load: %w", err)
		}
	}
	return nil
}

// beat publishes a heartbeat and checks that the server is still the same.
func (c *redisConns) beat(ctx context.Context, channel, message string) error {
	b := c.client.B()
	publish := b.Publish().Channel(channel).Message(message).Build
	if c.bySlot {
		publish = b.Spublish().Channel(channel).Message(message).Build
	}
	res := c.client.DoMulti(ctx, publish(),
		b.Info().Section("server").Build(), b.Info().Section("replication").Build())
	if err := res[0].Error(); err != nil && (!c.bySlot || !movedAway(err)) { // then hold follows
		return fmt.Errorf("heartbeat: %w", err)
	}
	now, err := decodeIdentity(res[1], res[2])
	if err != nil {
		return err
	}
	return c.same(now)
}

func (c *redisConns) same(now identity) error {
	if now.role != "" && now.role != c.identity.role {
		return fmt.Errorf("the server is a %s now", now.role)
	}
	if now.runID != "" && now.runID != c.identity.runID {
		return errors.New("another server answers at this address")
	}
	return nil
}

func decodeIdentity(server, replication rueidis.RedisResult) (id identity, err error) {
	for _, r := range []rueidis.RedisResult{server, replication} {
		info, err := r.ToString()
		if _, refused := rueidis.IsRedisErr(err); refused {
			continue // no right, a renamed command, or no such section
		}
		if err != nil {
			return id, fmt.Errorf("info: %w", err)
		}
		for line := range strings.Lines(info) {
			line = strings.TrimSpace(line)
			if v, ok := strings.CutPrefix(line, "run_id:"); ok {
				id.runID = v
			}
			if v, ok := strings.CutPrefix(line, "role:"); ok {
				id.role = v
			}
		}
	}
	return id, nil
}
