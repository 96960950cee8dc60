package hub

import (
	"slices"
	"strconv"
	"strings"
)

// receive holds one frame against what the client is to hear.
func (m *model) receive(c *consumer, payload string) {
	word, rest, _ := strings.Cut(payload, " ")
	name, _, _ := strings.Cut(rest, " ")
	switch word {
	case "conflated":
		_, n, _ := strings.Cut(rest, " ")
		skipped, err := strconv.ParseUint(n, 10, 64)
		if err != nil || skipped == 0 {
			m.Fatalf("%v hears %q", c, payload)
		}
		c.heard(name).skipped += skipped
		return
	case "lost":
		_, n, _ := strings.Cut(rest, " ")
		lost, err := strconv.ParseUint(n, 10, 64)
		if err != nil || lost == 0 {
			m.Fatalf("%v hears %q", c, payload)
		}
		m.receiveLoss(c, name, lost)
		return
	case "joined":
		c.fixed -= m.frameBytes(payload)
		for room := range strings.SplitSeq(name, ",") {
			m.receiveFixed(c, room, payload)
		}
		return
	case "left":
		c.fixed -= m.frameBytes(payload)
		m.receiveFixed(c, name, payload)
		return
	}
	kind, err := strconv.Atoi(word)
	if err != nil {
		m.Fatalf("%v hears %q", c, payload)
	}
	r := c.heard(name)
	if Kind(kind).Live() {
		c.got++
	}
	if name != "" && !r.in {
		m.Fatalf("%v is in no %s, by what it heard, and hears %q", c, name, payload)
	}
	switch Kind(kind) {
	case State, Recovered, Warm:
		m.receiveValue(c, name, payload)
	case Message:
		if r.gotMessages == len(r.messages) || r.messages[r.gotMessages].payload != payload || r.messages[r.gotMessages].stint != r.stint {
			m.Fatalf("%v hears %q in stint %d, out of order: %v", c, payload, r.stint, r.messages[r.gotMessages:])
		}
		r.gotMessages++
	case Status, StatusNow:
		at := slices.IndexFunc(r.status[r.gotSt:], func(i item) bool { return i.payload == payload })
		if at < 0 || name != "" && r.status[r.gotSt+at].stint != r.stint || at > 0 && !c.lagged {
			m.Fatalf("%v hears status %q, at %d of those it has to hear", c, payload, at)
		}
		r.gotSt += at + 1
	default:
		c.fixed -= m.frameBytes(payload)
		m.receiveFixed(c, name, payload)
	}
}

// receiveLoss: messages are lost only for who lagged, and told in their place and to the number.
func (m *model) receiveLoss(c *consumer, room string, lost uint64) {
	r := c.heard(room)
	for told := lost; told > 0; r.gotMessages++ {
		if r.gotMessages == len(r.messages) || r.messages[r.gotMessages].stint != r.stint {
			m.Fatalf("%v is told in stint %d that %d of %s are lost, which is %d too many", c, r.stint, lost, room, told)
		}
		i := r.messages[r.gotMessages]
		weight := i.live + i.missed
		if weight > told || i.live > 0 && !c.lagged {
			m.Fatalf("%v is told that %d of %s are lost, and not %+v", c, lost, room, i)
		}
		told -= weight
	}
}

// receiveFixed: nothing is left out, and the order is that in which it was given.
func (m *model) receiveFixed(c *consumer, room, payload string) {
	r := c.heard(room)
	if r.gotFixed == len(r.fixed) || r.fixed[r.gotFixed].payload != payload {
		m.Fatalf("%v hears %q in %s, out of order: %v", c, payload, room, r.fixed[r.gotFixed:])
	}
	i := r.fixed[r.gotFixed]
	c.fixed -= i.notice
	r.gotFixed++
	switch {
	case i.begins:
		r.in, r.stint = true, i.stint
	case i.ends:
		for _, v := range r.values {
			for v.got < len(v.given) && v.given[v.got].stint == r.stint {
				if !c.lagged && !c.rated {
					m.Fatalf("%v never lagged and has left before %v", c, v.given[v.got])
				}
				v.got++
			}
		}
		for r.gotSt < len(r.status) && r.status[r.gotSt].stint == r.stint {
			r.gotSt++
		}
		if r.gotMessages < len(r.messages) && r.messages[r.gotMessages].stint == r.stint {
			m.Fatalf("%v leaves %s and was not told that messages are lost: %v", c, room, r.messages[r.gotMessages:])
		}
		if r.skipped > 0 {
			m.Fatalf("%v is told that %d are left out of %s, and then leaves", c, r.skipped, room)
		}
		r.in = false
	}
}

// receiveValue: it is newer than the one before, of this membership, and what is
// missing between them was told to the number.
func (m *model) receiveValue(c *consumer, room, payload string) {
	r := c.heard(room)
	v := r.of(strings.Fields(payload)[2])
	at := slices.IndexFunc(v.given[v.got:], func(i item) bool {
		return i.payload == payload || c.rated && strings.TrimRight(i.payload, "+") == strings.TrimRight(payload, "+") // the form that is wanted when its turn comes
	})
	if at < 0 {
		m.Fatalf("%v hears %q: not its to hear, or late", c, payload)
	}
	if at > 0 && !c.lagged && !c.rated {
		m.Fatalf("%v never lagged, and %v is left out", c, v.given[v.got:][:at])
	}
	at += v.got
	missing := v.given[at].missed
	for _, i := range v.given[v.got:at] {
		missing += i.live + i.missed
		if i.whole && i.live > 0 {
			m.Fatalf("%v refused conflation, and %+v is left out", c, i)
		}
	}
	if v.given[at].stint != r.stint {
		m.Fatalf("%v hears %q of stint %d in stint %d: %+v", c, payload, v.given[at].stint, r.stint, *r)
	}
	if missing != r.skipped {
		m.Fatalf("%v hears %q, %d are missing and %d said to be", c, payload, missing, r.skipped)
	}
	v.got, r.skipped = at+1, 0
}
