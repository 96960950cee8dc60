package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// subscribe subscribes to channels and returns when Redis has confirmed each of them. After
// that, one goroutine calls received for each message in order, and lost when Redis ends a
// subscription.
func (c *redisConns) subscribe(ctx context.Context, channels []string, received func(channel, message string), lost func(channel string)) error {
	confirmed := make(chan struct{})
	waiting := make(map[string]bool, len(channels)) // owned by the library's reader once it is filled
	for _, channel := range channels {
		waiting[channel] = true
	}
	c.broken = c.sub.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) { received(m.Channel, m.Message) },
		OnSubscription: func(s rueidis.PubSubSubscription) {
			if strings.HasSuffix(s.Kind, "unsubscribe") {
				lost(s.Channel)
				return
			}
			if waiting[s.Channel] {
				delete(waiting, s.Channel)
				if len(waiting) == 0 {
					close(confirmed)
				}
			}
		},
	})
	// A command is answered when its first channel is confirmed, so the hook counts the rest.
	for _, r := range c.sub.DoMulti(ctx, c.subscriptions(channels)...) {
		if err := r.Error(); err != nil {
			return fmt.Errorf("%ssubscribe: %w", advice(err), err)
		}
	}
	select {
	case <-confirmed:
		return nil
	case err := <-c.broken:
		return fmt.Errorf("subscribe: %w", orLost(err))
	case <-ctx.Done():
		return fmt.Errorf("subscribe: %w", ctx.Err())
	}
}

// subscriptions returns the commands for channels: one for all, or one each in a cluster,
// where the channels of one command must share a slot.
func (c *redisConns) subscriptions(channels []string) (cmds []rueidis.Completed) {
	if !c.bySlot {
		return []rueidis.Completed{c.sub.B().Subscribe().Channel(channels...).Build()}
	}
	for _, channel := range channels {
		cmds = append(cmds, c.sub.B().Ssubscribe().Channel(channel).Build())
	}
	return cmds
}

// advice says what to do where Redis takes no subscriptions. It comes before the error, which
// may be cut.
func advice(err error) string {
	switch e, _ := rueidis.IsRedisErr(err); {
	case e == nil:
		return ""
	case strings.Contains(e.Error(), "unknown command"):
		return "a cluster needs Redis 7.0 or newer: "
	case strings.HasPrefix(e.Error(), "OOM"):
		return "since Redis 8.6 nobody can subscribe while its memory is full, so give it more, or set maxmemory-policy to volatile-ttl: "
	default:
		return ""
	}
}

func orLost(err error) error {
	if err == nil {
		return errors.New("the subscribing connection is lost")
	}
	return err
}
