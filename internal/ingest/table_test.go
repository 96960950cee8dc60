package ingest

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backbone/internal/hub"
	"backbone/internal/partition"
)

// has reports where the table keeps a room, without touching it.
func (t *table) has(name string) string {
	p := &t.parts[partition.Of(name)]
	for where, m := range map[string]map[string]*room{"watched": p.watched, "recent": p.recent.rooms, "old": p.old.rooms} {
		if m[name] != nil {
			return where
		}
	}
	return "nowhere"
}

// rotateAll has all partitions rotate that are due.
func (b *box) rotateAll() {
	b.rotate(b.now)
	b.settle()
}

func TestTableRotation(t *testing.T) {
	const period = versionLife * testTTL
	put := func(b *box) { b.take(from("other", "X", 1, 1, "p")) }
	rotate := func(b *box) { b.wait(period); b.rotateAll(); b.local("Y", "p") }
	touch := map[string]func(*box){
		"local event":   func(b *box) { b.local("X", "p") },
		"newer event":   func(b *box) { b.take(from("other", "X", 2, 2, "p")) },
		"older event":   func(b *box) { b.take(from("other", "X", 0, 2, "p")) },
		"member":        func(b *box) { b.join("X"); b.unwatch([]string{"X"}, nil) },
		"asked of it":   func(b *box) { b.take(hub.BroadcastEvent{Room: "X", Kind: hub.Resync, Version: hub.Version{Clock: 1}}) },
		"offered again": func(b *box) { b.take(again(from("other", "X", 1, 1, "p"))) },
	}
	for name, f := range touch {
		t.Run("old to recent by "+name, func(t *testing.T) {
			b := newBox(t, true)
			put(b)
			want(t, "new", b.table.has("X"), "recent")
			rotate(b)
			want(t, "after one period", b.table.has("X"), "old")
			f(b)
			want(t, "touched", b.table.has("X"), "recent")
			rotate(b)
			want(t, "after one more period", b.table.has("X"), "old")
			rotate(b)
			want(t, "after two periods untouched", b.table.has("X"), "nowhere")
			if b.table.known != 1 {
				t.Errorf("%d rooms known, want 1", b.table.known)
			}
		})
	}
	t.Run("with a member", func(t *testing.T) {
		b := newBox(t, true)
		put(b)
		rotate(b)
		b.join("X")
		b.join("X")
		for range 5 {
			rotate(b)
			want(t, "with members", b.table.has("X"), "watched")
		}
		b.unwatch([]string{"X"}, nil)
		want(t, "with a member left", b.table.has("X"), "watched")
		want(t, "an older one meanwhile", b.take(from("other", "X", 0, 2, "old")), "")
		b.unwatch([]string{"X"}, nil)
		want(t, "without", b.table.has("X"), "recent")
		rotate(b)
		rotate(b)
		want(t, "after two periods", b.table.has("X"), "nowhere")
	})
	t.Run("member of an unknown room", func(t *testing.T) {
		b := newBox(t, true)
		b.join("X")
		want(t, "with a member", b.table.has("X"), "watched")
		b.unwatch([]string{"X"}, nil)
		want(t, "without", b.table.has("X"), "nowhere")
		if b.table.known != 0 || b.next() != never {
			t.Errorf("%d rooms known and work at %d, want nothing left", b.table.known, b.next())
		}
	})
}

// Local events wait for a step, so none forgets all rooms.
func TestAStepForgetsOnePartition(t *testing.T) {
	b := limited(t, 6400)
	b.flood("p", "F", 0, 6400)
	of := map[int]int{}
	for i := range 6400 {
		of[partition.Of(fmt.Sprint("F", i))]++
	}
	b.wait(versionLife * testTTL)
	b.rotateAll()
	b.wait(versionLife * testTTL)
	for p := range partition.Count {
		known := b.table.known
		if b.tasks(b.now); p == 0 {
			if b.next() > b.now.Steady {
				t.Fatal("nothing goes on with what an event began")
			}
		}
		if got := known - b.table.known; got != of[p] {
			t.Fatalf("step %d forgets %d rooms, want the %d of a partition", p, got, of[p])
		}
	}
	if b.table.known != 0 || b.next() != never {
		t.Errorf("%d are known in the end, and there is work at %v", b.table.known, b.next())
	}
}

// A round waits for a partition that is not due.
func TestARoundGoesOnWhenTheNextPartitionIsDue(t *testing.T) {
	const period = versionLife * testTTL
	b := newBox(t, true)
	b.wait(period)
	b.rotate(b.now) // the first one, and the others 5 s later
	b.wait(5 * time.Second)
	b.rotateAll()
	b.wait(period - 5*time.Second)
	b.rotate(b.now)
	if got, want := b.next(), b.now.Steady+5*time.Second; got != want {
		t.Errorf("it goes on at %v, want %v", got, want)
	}
}

func TestVersionOutlivesTheValueTenfold(t *testing.T) {
	b := newBox(t, true)
	b.wait(versionLife*testTTL - time.Second) // as unlucky as can be: the table rotates soon
	b.take(from("other", "X", 1000, 1, "new"))
	b.wait(time.Second)
	b.rotateAll()
	b.wait(versionLife*testTTL - time.Second)
	b.rotateAll()
	b.join("X")
	want(t, "an older one, ten times the TTL later", b.take(from("other", "X", 999, 2, "old")), "")
	want(t, "a newer one", b.take(from("other", "X", 1001, 3, "newer")), "live X newer missed=1")
}

func TestUnwatchOfAnUnwatchedRoomPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("did not panic: memberships would be counted wrongly from here on")
		}
	}()
	newBox(t, true).unwatch([]string{"X"}, nil)
}

func TestTableKeepsNoPayloadAliveByARoomsName(t *testing.T) {
	b := newBox(t, true)
	text := `{"instrument":"X_USDT"}`
	e := hub.BroadcastEvent{Room: text[15:21], Payload: text}
	pass, _ := b.publish("p", []hub.BroadcastEvent{e}, b.now)
	v := b.table.find("X_USDT")
	if v == nil {
		t.Fatal("the room is not known")
	}
	if same := fmt.Sprintf("%p", []byte(v.name)) == fmt.Sprintf("%p", []byte(text[15:21])); same || pass[0].Room != v.name {
		t.Errorf("the event goes on with the room %q, want the table's own %q", pass[0].Room, v.name)
	}
}

// The table against the simplest thing that could say what it must and may know.
func TestTableModel(t *testing.T) {
	const period = 10 * time.Second
	type known struct {
		clock   map[string]uint64 // by type
		touched time.Duration
		members int
	}
	rapid.Check(t, func(t *rapid.T) {
		now, clock := epoch, uint64(0)
		table := newTable(nil, now.Steady)
		model := map[string]*known{}
		at := func(room string) *known {
			if model[room] == nil {
				model[room] = &known{clock: map[string]uint64{}}
			}
			model[room].touched = now.Steady
			return model[room]
		}
		room := rapid.SampledFrom([]string{"A", "B", "C", "D", "E", "F"})
		typ := rapid.SampledFrom([]string{"price", "book", "trade"})
		set := func(t *rapid.T) {
			r := room.Draw(t, "room")
			clock++
			e := &hub.BroadcastEvent{Room: r, Type: typ.Draw(t, "type"), Payload: "p", Version: hub.Version{Clock: clock}}
			entry := table.find(r)
			v := entry.of(e.Type)
			if v == nil {
				v = table.value(entry, e)
			}
			table.set(v, e, false)
			at(r).clock[e.Type] = clock
		}
		t.Repeat(map[string]func(*rapid.T){
			"set":  set,
			"set2": set,
			"find": func(t *rapid.T) {
				r := room.Draw(t, "room")
				if table.find(r) != nil {
					at(r)
				}
			},
			"watch": func(t *rapid.T) {
				r := room.Draw(t, "room")
				at(r).members++
				if v := table.watch(r); int(v.members) != model[r].members {
					t.Fatalf("%s has %d members, want %d", r, v.members, model[r].members)
				}
			},
			"unwatch": func(t *rapid.T) {
				r := room.Draw(t, "room")
				if model[r] == nil || model[r].members == 0 {
					t.Skip()
				}
				at(r).members--
				table.unwatch(r)
			},
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "s")) * time.Second)
				for range rapid.IntRange(0, 2*partition.Count).Draw(t, "steps") {
					table.rotate(now, period)
				}
			},
			"": func(t *rapid.T) {
				valued := 0
				for p := range table.parts {
					entries := table.sorted(p)
					for i, r := range entries {
						n := 0
						for v := range r.values {
							if v.known() {
								n++
							}
						}
						if n != int(r.known) {
							t.Fatalf("%s counts %d values, want %d", r.name, r.known, n)
						}
						valued += n
						if i > 0 && entries[i-1].name >= r.name {
							t.Fatalf("%s is kept before %s", entries[i-1].name, r.name)
						}
						if int(r.partition) != p {
							t.Fatalf("%s is kept in partition %d", r.name, p)
						}
						if where := table.has(r.name); (where == "watched") != (r.members > 0) || where != "watched" && n == 0 {
							t.Fatalf("%s with %d members and %d values is %s", r.name, r.members, n, where)
						}
					}
				}
				if valued != table.known {
					t.Fatalf("%d values are counted as known, want %d", table.known, valued)
				}
				for r, k := range model {
					where, must := table.has(r), k.members > 0 || len(k.clock) > 0 && now.Since(k.touched) < period
					if must && where == "nowhere" {
						t.Fatalf("%s is forgotten %v after it was touched, with %d members", r, now.Since(k.touched), k.members)
					}
					if where == "nowhere" {
						delete(model, r)
						continue
					}
					for typ, clock := range k.clock {
						if e := table.parts[partition.Of(r)].watched[r]; e != nil && e.of(typ).version.Clock != clock {
							t.Fatalf("the %s of %s has the version %d, want %d", typ, r, e.of(typ).version.Clock, clock)
						}
					}
				}
			},
		})
	})
}
