package simtest

import (
	"math/rand/v2"
	"testing"
	"time"

	"backbone/internal/hub"
)

// enough is more places for instruments than there are rooms.
const enough = 1000

// fewPlaces has instances find place for some of the rooms only, in a quarter of the runs. What
// gives way is forgotten, so it counts as unknown where nobody is in its room.
func (w *world) fewPlaces() {
	if places := rand.New(rand.NewPCG(w.seed, 0x91ace)); places.IntN(4) == 0 {
		w.producers, w.places = places, 1+places.IntN(len(w.rooms))
	}
}

// producer is who publishes next. Of several, who holds most gives way.
func (w *world) producer() string {
	if w.producers == nil {
		return "p"
	}
	return []string{"p", "p", "q", "r"}[w.producers.IntN(4)]
}

// refuses notes which of the events of a room, whose numbers begin with first, had no place.
func (in *instance) refuses(room string, first int, rejected []int) {
	if len(rejected) == 0 {
		return
	}
	for _, at := range rejected {
		p := &in.w.prices[first+at]
		p.refused = true
		if p.message {
			in.w.problem("i%d refused a message", in.id)
		}
	}
	known, _ := in.ingest.Newest(room, "")
	if in.w.retires != nil { // what retires it is refused, or accepted, by itself
		known = hub.Version{}
	}
	if places := in.ingest.Stats().Instruments; places < in.w.places || known != (hub.Version{}) {
		in.w.problem("i%d refused events of %s, with %d of %d places taken, and knew %v", in.id, room, places, in.w.places, known)
	}
	in.w.trace(room, "i%d has no place for %d events, from %d on", in.id, len(rejected), first)
}

// giveWay notes which rooms the instance has forgotten to have place for others.
func (in *instance) giveWay() {
	if in.w.places == enough {
		return
	}
	for _, room := range in.w.rooms {
		known, payload := in.ingest.Newest(room, "")
		switch order := known.Compare(in.known[room]); {
		case order == 0:
			continue
		case order < 0 && in.counts(room):
			in.w.problem("i%d has forgotten %d of %s, which has members", in.id, in.knownNum[room], room)
		case order < 0:
			in.w.trace(room, "in i%d the room gives way", in.id)
		}
		in.known[room], in.knownNum[room] = known, 0
		if payload != "" {
			in.knownNum[room] = number(payload)
		}
	}
}

// toLearn is how long an instance may take to give a new member the newest value that is known. One
// that has forgotten the room finds an older one in a store that stores later, and asks the others.
func (w *world) toLearn() time.Duration {
	if w.places < enough && w.storing > 0 {
		return 2 * time.Second
	}
	return 200 * time.Millisecond
}

// counts reports whether ingest counts a member of a room.
func (in *instance) counts(room string) bool {
	for _, c := range in.clients {
		if m := c.rooms[room]; !c.gone && m != nil && !m.leaving && !m.asked.IsZero() {
			return true
		}
	}
	return false
}

// Rooms give way and events are refused in some of the runs; otherwise nothing of this is tried.
func TestPlacesAreFew(t *testing.T) {
	var displaced, refused uint64
	for seed := range uint64(20) {
		w := newWorld(seed)
		w.run()
		for _, in := range w.instances {
			s := in.ingest.Stats()
			displaced, refused = displaced+s.Displaced, refused+s.TooMany
		}
	}
	if displaced == 0 || refused == 0 {
		t.Errorf("%d rooms gave way and %d events were refused", displaced, refused)
	}
}
