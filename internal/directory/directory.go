// Package directory tells followers of a prefix which rooms have got a price. It keeps the names of the
// newest of them for a while, so that a follower asks when it likes. It knows neither who follows nor what a
// price is.
package directory

import (
	"context"
	"strings"
	"time"
)

const (
	// kept is how many names are kept at least. A follower that asks later is told to look for itself.
	kept = 1 << 14
	// gather is how long names are gathered before followers are woken: an ingestor that starts has many.
	gather = 20 * time.Millisecond
)

// Directory is the goroutine that knows who follows which prefix. Its methods are safe for concurrent use by
// multiple goroutines. Run is called once.
type Directory struct {
	// Immutable after New.
	rooms chan []string
	calls chan func()
	done  chan struct{} // closed when Run has ended

	// Owned by Run.
	names     []string          // the newest last; an element is never changed, so that parts can be handed out
	first     uint64            // number of names[0]
	followers map[string]*group // by prefix
	due       []*Follower       // to be woken
}

// group are the followers of a prefix. Those that are woken, or will be, are passed over until they have asked:
// so names cost no more than they are where many follow.
type group struct {
	prefix string
	size   int
	asked  map[*Follower]struct{} // and perhaps some that are woken already for another prefix
}

// Follower is one that follows prefixes. It must not be copied once it follows one.
type Follower struct {
	wake func() // immutable

	// Owned by Run.
	next   uint64            // number of the first name that it has not heard
	groups map[string]*group // by prefix
	due    bool              // it is to be woken
	woken  bool              // and has not asked since
}

// NewFollower returns a follower that wake is called for when rooms of its prefixes have got a price: once
// until it asks for them. wake must not wait.
func NewFollower(wake func()) *Follower { return &Follower{wake: wake, groups: map[string]*group{}} }

// New returns a directory that does nothing until Run.
func New() *Directory {
	return &Directory{
		rooms: make(chan []string), calls: make(chan func()), done: make(chan struct{}),
		followers: map[string]*group{},
	}
}

// Rooms is where the names of rooms enter that have got a price. The directory owns a slice from then on. nil
// says that some were left out. Nothing receives before Run and after it.
func (d *Directory) Rooms() chan<- []string { return d.rooms }

// Run is the directory's one goroutine. It returns when ctx ends.
func (d *Directory) Run(ctx context.Context) {
	defer close(d.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	armed := false
	for {
		if !armed && len(d.due) > 0 {
			timer.Reset(gather)
			armed = true
		}
		select {
		case <-ctx.Done():
			return
		case names := <-d.rooms:
			d.add(names)
		case f := <-d.calls:
			f()
		case <-timer.C:
			armed = false
			for i, f := range d.due {
				f.due, f.woken = false, len(f.groups) > 0
				if f.woken { // else it has left meanwhile
					f.wake()
				}
				d.due[i] = nil
			}
			d.due = d.due[:0]
		}
	}
}

// add takes names of rooms, or that some were left out.
func (d *Directory) add(names []string) {
	if names == nil {
		d.first, d.names = d.first+uint64(len(d.names))+1, nil
		for _, g := range d.followers {
			d.call(g)
		}
		return
	}
	d.names = append(d.names, names...)
	if more := len(d.names) - kept; more > kept {
		d.first, d.names = d.first+uint64(more), append([]string(nil), d.names[more:]...)
	}
	if len(d.followers) == 0 {
		return
	}
	for _, name := range names { // a prefix of it at a time, because there may be more prefixes than those
		for end := range len(name) + 1 {
			d.call(d.followers[name[:end]])
		}
	}
}

// call has the followers of a group woken. nil is one of none.
func (d *Directory) call(g *group) {
	if g == nil {
		return
	}
	for f := range g.asked {
		if !f.due && !f.woken {
			f.due = true
			d.due = append(d.due, f)
		}
	}
	clear(g.asked)
}

// Follow has f hear of rooms with a prefix that get a price from now on.
func (d *Directory) Follow(f *Follower, prefix string) {
	d.do(func() {
		if f.groups[prefix] != nil {
			return
		}
		g := d.followers[prefix]
		if g == nil {
			g = &group{prefix: strings.Clone(prefix), asked: map[*Follower]struct{}{}}
			d.followers[g.prefix] = g
		}
		if len(f.groups) == 0 {
			f.next = d.end()
		}
		g.size++
		g.asked[f], f.groups[g.prefix] = struct{}{}, g
	})
}

// Unfollow ends what Follow began, where it did. f may still be woken once.
func (d *Directory) Unfollow(f *Follower, prefixes ...string) {
	d.do(func() {
		for _, prefix := range prefixes {
			g := f.groups[prefix]
			if g == nil {
				continue
			}
			delete(f.groups, prefix)
			delete(g.asked, f)
			if g.size--; g.size == 0 {
				delete(d.followers, prefix)
			}
		}
	})
}

// News returns the rooms that have got a price since f asked last, of whatever prefix. The names must not be
// changed. lost says that there were more than are kept: f is to look for itself which rooms there are.
func (d *Directory) News(f *Follower) (names []string, lost bool) {
	d.do(func() {
		f.woken = false
		for _, g := range f.groups {
			g.asked[f] = struct{}{}
		}
		if lost = f.next < d.first; !lost {
			from := int(f.next - d.first)
			names = d.names[from:len(d.names):len(d.names)]
		}
		f.next = d.end()
	})
	return names, lost
}

// end is the number of the name that comes next.
func (d *Directory) end() uint64 { return d.first + uint64(len(d.names)) }

// do has Run call f, unless it has ended.
func (d *Directory) do(f func()) {
	done := make(chan struct{})
	select {
	case d.calls <- func() { f(); close(done) }:
		<-done
	case <-d.done:
	}
}
