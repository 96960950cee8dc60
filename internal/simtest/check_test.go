package simtest

import (
	"strconv"
	"strings"
	"time"

	"backbone/internal/hub"
)

// newest is the highest version of a room that a surviving instance or the store has,
// and its number; 0 for none.
func (w *world) newest(room string) (hub.Version, int) {
	var best hub.Version
	num := 0
	for _, in := range w.instances {
		if in.alive && in.known[room].Compare(best) > 0 {
			best, num = in.known[room], in.knownNum[room]
		}
	}
	if v, ok := w.store.find(room); ok && v.event.Version.Compare(best) > 0 {
		best, num = v.event.Version, number(v.event.Payload)
	}
	return best, num
}

// remember notes what the store holds when all heals: it counts as the newest when it
// has ended, also where nobody read it.
func (w *world) remember() {
	w.held = map[string]int{}
	for _, room := range w.rooms {
		if v, ok := w.store.find(room); ok {
			w.held[room] = number(v.event.Payload)
		}
	}
}

// age is how long ago a price was published.
func (w *world) age(num int) time.Duration { return w.now.Sub(w.prices[num].at) }

// each calls f for every stay of a consumer that is connected.
func (w *world) each(f func(*consumer, string, *membership)) {
	for _, in := range w.instances {
		if !in.alive {
			continue
		}
		for _, c := range in.clients {
			if c.gone {
				continue
			}
			for _, room := range w.rooms {
				if m := c.rooms[room]; m != nil {
					f(c, room, m)
				}
			}
		}
	}
}

// check compares what consumers hold with what they must hold: promises 1 and 4.
func (w *world) check(when string) {
	w.checkThose(when, false)
	if w.wishes != nil {
		w.pass(longestTurn)
		w.checkThose(when+" and a turn", true)
	}
}

// checkThose is check of consumers that want no more than so many values, or of the others.
func (w *world) checkThose(when string, rated bool) {
	w.each(func(c *consumer, room string, m *membership) {
		if rated != (c.wants.Every > 0) {
			return
		}
		_, num := w.newest(room)
		alive := num > 0 && w.age(num) < w.ttl && !w.prices[num].gone
		switch {
		case m.lastNum == num:
		case m.lastNum == 0 && !alive:
			// A value past its life greets no one.
		default:
			w.problem("%s, %s holds %d of %s, the newest is %d (%v old)", when, c.name, m.lastNum, room, num, w.age(num))
		}
		c.settle(room, m)
	})
}

// slack is how much longer than its TTL a value may greet someone, beside the time of a
// call: the time that it was under way between instances, where nobody counts it.
const slack = 15 * time.Second

// latecomers join everywhere: promise 5.
func (w *world) latecomers() {
	type late struct {
		c    *consumer
		room string
	}
	var all []late
	for _, in := range w.instances {
		if !in.alive {
			continue
		}
		c := w.connect(in)
		c.wants.Every = 0 // or else it is not checked when it has learned
		c.join(w.rooms...)
		for _, room := range w.rooms {
			all = append(all, late{c, room})
		}
	}
	w.pass(w.toLearn())
	for _, l := range all {
		newest, num := w.newest(l.room)
		if held := w.held[l.room]; w.prices[held].version.Compare(newest) > 0 {
			num = held
		}
		m := l.c.rooms[l.room]
		switch {
		case num > 0 && w.prices[num].gone:
			if m.lastNum != 0 && m.lastNum != num {
				w.problem("the latecomer %s got %d of %s, which was retired by %d", l.c.name, m.lastNum, l.room, num)
			}
		case num > 0 && w.age(num) < w.ttl && m.lastNum != num:
			w.problem("the latecomer %s got %d of %s, the newest is %d, %v old", l.c.name, m.lastNum, l.room, num, w.age(num))
		case m.lastNum > 0 && w.age(m.lastNum)-w.prices[m.lastNum].late > w.ttl+slack:
			w.problem("the latecomer %s was greeted with %d of %s, %v old", l.c.name, m.lastNum, l.room, w.age(m.lastNum))
		case m.live > 0:
			w.problem("the latecomer %s got %d of %s as a live event", l.c.name, m.lastNum, l.room)
		}
	}
}

// ticks come again, on one instance after the other, also where a clock is far behind:
// each must be heard everywhere at once.
func (w *world) ticks() {
	w.ticking = true
	order := w.rng.Perm(len(w.instances))
	for _, i := range order {
		in := w.instances[i]
		if !in.alive {
			continue
		}
		refused := map[string]bool{}
		for _, room := range w.rooms {
			refused[room] = !w.publish(in, room, 1, hub.State)
		}
		w.pass(200 * time.Millisecond)
		w.each(func(c *consumer, room string, m *membership) {
			if refused[room] || c.wants.Every > 0 {
				return
			}
			if last := w.prices[m.lastNum]; m.lastNum == 0 || last.origin != in.origin || last.order != in.local[room] {
				w.problem("%s holds %d of %s, not what i%d just published", c.name, m.lastNum, room, in.id)
			}
			if m.silent {
				w.problem("%s was not told that %s is live again", c.name, room)
			}
		})
	}
	w.turn()
	w.checkThose("after the ticks", true)
	w.each(func(c *consumer, room string, m *membership) { c.settle(room, m) })
}

// turn has each consumer that wants no more than so many values get what waits for it.
func (w *world) turn() {
	if w.wishes != nil {
		w.pass(longestTurn)
	}
}

// gap has an instance miss events of another that it has heard before: each of its
// consumers must be told of exactly as many.
func (w *world) gap() {
	from, to := w.instances[0], w.instances[1]
	if !from.alive || !to.alive {
		return
	}
	room := pick(w, w.rooms)
	if !w.publish(from, room, 1, hub.State) {
		return
	}
	w.pass(200 * time.Millisecond)
	got := func() map[*membership]int {
		w.turn()
		counts := map[*membership]int{}
		w.each(func(c *consumer, r string, m *membership) {
			if r == room {
				counts[m] = m.live + m.skipped
			}
		})
		return counts
	}
	gaps, skipped := map[*membership]int{}, map[*membership]int{}
	w.each(func(_ *consumer, _ string, m *membership) { gaps[m] = m.gaps; skipped[m] = m.skipped })
	before := got()
	to.link.fail("a gap")
	to.link.wire = nil
	lost := 1 + w.rng.IntN(5)
	w.publish(from, room, lost, hub.State)
	w.pass(healing)
	w.publish(from, room, 1, hub.State)
	w.pass(200 * time.Millisecond)
	after := got()
	w.each(func(c *consumer, r string, m *membership) {
		if r == room && after[m]-before[m] != lost+1 {
			w.problem("%s was told of %d more events of %s, of %d", c.name, after[m]-before[m], room, lost+1)
		}
		if r == room && c.wants.Stamp && c.wants.Every == 0 && c.in == to && m.gaps-gaps[m] != m.skipped-skipped[m] {
			w.problem("%s was told of %d that were skipped of %s, by their numbers it is %d", c.name, m.skipped-skipped[m], room, m.gaps-gaps[m])
		}
	})
}

// longest is the longest time for which a consumer lets a feed say nothing, in milliseconds.
const longest = 12_000

// feed checks what is told of a room's feed against the threshold of those whom it is told.
func (in *instance) feed(e *hub.BroadcastEvent) {
	threshold := in.w.ttl
	if e.Group != 0 {
		threshold = time.Duration(e.Group) * time.Millisecond
	}
	f := strings.Fields(e.Payload)
	since, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil {
		in.w.problem("i%d says %q", in.id, e.Payload)
	}
	quiet := time.Duration(in.time().UnixMS-since) * time.Millisecond
	if silent := f[2] == "true"; silent != (quiet >= threshold) {
		in.w.problem("i%d says %q to those who let it say nothing for %v, after %v", in.id, e.Payload, threshold, quiet)
	}
}

// silence has all feeds fall silent.
func (w *world) silence() {
	w.setClocks(1)
	w.pass(max(w.ttl, longest*time.Millisecond) + time.Second)
	w.each(func(c *consumer, room string, m *membership) {
		if c.wants.Status && !m.silent {
			w.problem("%s was not told that %s is silent", c.name, room)
		}
	})
}
