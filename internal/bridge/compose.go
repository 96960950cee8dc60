package bridge

import (
	"slices"
	"strconv"
	"time"

	"backbone/internal/bridge/wire"
	"backbone/internal/hub"
)

// composer makes of calls the arguments of the scripts. It keeps its memory from one call to
// the next, and is for one goroutine.
type composer struct {
	// Immutable.
	names    wire.Names
	instance string
	ttl      time.Duration

	form wire.Form // of messages

	text   []byte       // of keys and arguments, one behind the other
	ends   []int        // of each in text
	cut    []string     // the same as strings
	index  map[slot]int // of values
	values []value
}

// slot is what has one newest value.
type slot struct{ room, typ string }

// value is what a call does to one key.
type value struct {
	first  uint64 // clock
	newest *hub.BroadcastEvent
}

// fast returns the keys and arguments of fastScript. ok is false if the call is for fullScript:
// if Redis may refuse an event of it, for one in Redis or for another of the call, or if it is
// not to store one. The slices are valid until the next call.
func (c *composer) fast(of call, now time.Duration) (keys, args []string, ok bool) {
	if !c.collect(of, now) {
		return nil, nil, false
	}
	c.text, c.ends = c.text[:0], c.ends[:0]
	for i := range c.values {
		c.key(c.values[i].newest)
	}
	for i := range c.values {
		c.text = hub.Version{Clock: c.values[i].first}.AppendClock(c.text)
	}
	c.end()
	loud := slices.DeleteFunc(slices.Clone(of), func(b bundle) bool { return b.channel == "" })
	c.number(int64(len(loud)))
	for i := range loud {
		c.put(loud[i].channel)
		c.message(&loud[i], now)
	}
	for i := 0; i < len(c.values); {
		life, n := c.life(c.values[i].newest, now), i+1
		for n < len(c.values) && c.life(c.values[n].newest, now) == life {
			n++
		}
		c.number(int64(n - i))
		c.number(life)
		for ; i < n; i++ {
			e := c.values[i].newest
			c.text = append(wire.AppendValueHead(c.text, e), e.Payload...)
			c.text = append(c.text, '}')
			c.end()
		}
	}
	all := c.strings()
	return all[:len(c.values)], all[len(c.values):], true
}

// collect finds the values of a call. It returns false if the call is for fullScript.
func (c *composer) collect(of call, now time.Duration) (ok bool) {
	c.forget()
	if c.ttl == 0 {
		return true
	}
	if c.index == nil {
		c.index = map[slot]int{}
	}
	for i := range of {
		events := of[i].events
		for k := range events {
			e := &events[k]
			switch {
			case e.Kind == hub.Recovered, e.Kind == hub.State && c.life(e, now) == 0:
				return false
			case e.Kind != hub.State:
				continue
			}
			at, known := c.index[slot{e.Room, e.Type}]
			if !known {
				c.index[slot{e.Room, e.Type}] = len(c.values)
				c.values = append(c.values, value{e.Version.Clock, e})
				continue
			}
			v := &c.values[at]
			if e.Version.Compare(v.newest.Version) <= 0 {
				return false
			}
			v.newest = e
		}
	}
	return true
}

// full returns the keys and arguments of fullScript. The slices are valid until the next call.
func (c *composer) full(of call, now time.Duration) (keys, args []string) {
	c.text, c.ends = c.text[:0], c.ends[:0]
	count := make([]int, len(of)) // of the keys of each bundle
	var numbers []int             // of the key of each event, from 1; 0: it has none
	for i := range of {
		clear(c.index)
		for k := range of[i].events {
			numbers = append(numbers, c.numbered(&of[i].events[k], &count[i]))
		}
	}
	n := len(c.ends)
	between, last := c.form.Ends()
	for i := range of {
		b := &of[i]
		c.put(b.channel)
		c.text = c.form.AppendBegin(c.text, c.instance)
		c.end()
		c.put(between)
		c.put(last)
		c.number(int64(count[i]))
		c.number(int64(len(b.events)))
		for k := range b.events {
			e := &b.events[k]
			c.number(int64(numbers[0]))
			if e.Kind != hub.Message {
				c.text = e.Version.Append(c.text)
			}
			c.end()
			c.number(c.life(e, now))
			c.text = c.form.AppendEvent(c.text, e, c.instance, now)
			c.text = c.text[:len(c.text)-len(e.Payload)]
			c.end()
			c.put(e.Payload)
			if numbers[0] > 0 {
				c.text = wire.AppendValueHead(c.text, e)
			}
			c.end()
			numbers = numbers[1:]
		}
	}
	all := c.strings()
	return all[:n], all[n:]
}

// numbered returns the number of an event's key among those of its bundle, and puts the key
// first if it is new.
func (c *composer) numbered(e *hub.BroadcastEvent, count *int) int {
	if c.ttl == 0 || !e.Kind.Value() {
		return 0
	}
	if c.index == nil {
		c.index = map[slot]int{}
	}
	at, known := c.index[slot{e.Room, e.Type}]
	if !known {
		*count++
		at = *count
		c.index[slot{e.Room, e.Type}] = at
		c.key(e)
	}
	return at
}

// life is how many milliseconds a value has left to live.
func (c *composer) life(e *hub.BroadcastEvent, now time.Duration) int64 {
	if e.Kind == hub.Message {
		return 0
	}
	return max(0, (c.ttl - max(0, now-e.Born)).Milliseconds())
}

// message puts the message of a bundle.
func (c *composer) message(b *bundle, now time.Duration) {
	between, last := c.form.Ends()
	c.text = c.form.AppendBegin(c.text, c.instance)
	for k := range b.events {
		if k > 0 {
			c.text = append(c.text, between...)
		}
		c.text = c.form.AppendEvent(c.text, &b.events[k], c.instance, now)
	}
	c.text = append(c.text, last...)
	c.end()
}

// only returns the message of a bundle.
func (c *composer) only(b *bundle, now time.Duration) string {
	c.text, c.ends = c.text[:0], c.ends[:0]
	c.message(b, now)
	return string(c.text)
}

func (c *composer) key(e *hub.BroadcastEvent) {
	c.text = c.names.AppendLast(c.text, e.Type, e.Room)
	c.end()
}

func (c *composer) put(s string) {
	c.text = append(c.text, s...)
	c.end()
}

func (c *composer) number(n int64) {
	c.text = strconv.AppendInt(c.text, n, 10)
	c.end()
}

func (c *composer) end() { c.ends = append(c.ends, len(c.text)) }

// strings returns what was put since the start.
func (c *composer) strings() []string {
	clear(c.cut)
	c.cut = c.cut[:0]
	text, begin := string(c.text), 0
	for _, end := range c.ends {
		c.cut = append(c.cut, text[begin:end])
		begin = end
	}
	return c.cut
}

// forget lets go of the events of the last call and of its texts.
func (c *composer) forget() {
	clear(c.index)
	clear(c.values)
	clear(c.cut)
	c.values, c.cut = c.values[:0], c.cut[:0]
}
