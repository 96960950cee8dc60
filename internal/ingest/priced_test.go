package ingest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"backbone/internal/partition"
)

// A room is told of when it gets a price, from whomever, and only then: who has looked which rooms have one
// and hears of those that get one knows all of them.
func TestRoomsThatGetAPriceAreTold(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	b := newBox(t, true, func(o *Options) { o.Priced, o.MaxInstruments = make(chan []string), 12 })
	members := map[string]int{}
	before := map[string]bool{}
	got, forgotten, told := 0, 0, 0
	for n := range 5000 {
		room := fmt.Sprintf("R%d", random.IntN(16))
		switch random.IntN(12) {
		case 0, 1:
			b.take(from("other", room, int64(n), uint64(n), "1"))
		case 2:
			b.take(again(from("other", room, int64(n), uint64(n), "gone")))
		case 3:
			b.publish("p", prices(room, "gone"), b.now)
		case 4, 5, 6:
			b.publish(fmt.Sprint("p", random.IntN(3)), prices(room, "1"), b.now)
		case 7:
			b.join(room)
			members[room]++
		case 8:
			if members[room] > 0 {
				b.unwatch([]string{room}, nil)
				members[room]--
			}
		case 9:
			if rooms := b.nextReads(); len(rooms) > 0 {
				b.answer(from("third", rooms[0], int64(n), uint64(n), "2"))
			}
		default:
			b.wait(time.Duration(random.Int64N(int64(testTTL))))
			b.settle()
			b.offered()
		}
		heard := map[string]bool{}
		_, names := b.nextPriced()
		for _, name := range names {
			heard[name] = true
		}
		told += len(names)
		b.table.priced.sent()
		now := map[string]bool{}
		for p := range partition.Count {
			for _, name := range b.table.names(p, func(string) bool { return true }, true) {
				now[name] = true
				if !before[name] {
					if got++; !heard[name] {
						t.Fatalf("step %d: %s has a price, and nobody was told", n, name)
					}
				}
			}
		}
		for name := range before {
			if !now[name] {
				forgotten++
			}
		}
		before = now
	}
	if got < 300 || forgotten < 300 || told > got+got/10 {
		t.Errorf("%d rooms got a price, %d lost theirs, %d were told", got, forgotten, told)
	}
}

// What is not taken is bounded.
func TestRoomsThatNobodyTakesAreLost(t *testing.T) {
	b := newBox(t, false, func(o *Options) { o.Priced, o.MaxInstruments = make(chan []string), 2*maxPriced })
	for n := range maxPriced + 2 {
		b.local(fmt.Sprintf("R%d", n), "1")
	}
	if to, names := b.nextPriced(); to == nil || names != nil {
		t.Errorf("%d names are offered", len(names))
	}
	b.table.priced.sent()
	if to, _ := b.nextPriced(); to != nil {
		t.Error("nothing has come, and is offered")
	}
	b.local("one more", "1")
	if _, names := b.nextPriced(); len(names) != 1 {
		t.Errorf("offered %q", names)
	}
}
