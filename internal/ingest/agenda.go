package ingest

import (
	"container/heap"
	"math"
	"time"
)

// duty is what a task does.
type duty uint8

const (
	lookAt     duty = iota // look whether a room's feed has fallen silent
	offerLater             // offer a value, unless another instance has
	reread                 // read last values that could not be read
	leaveRoom              // leave a room that has had no members for a while
)

// Moments at which there is something to do, besides those of a moment.Time.
const (
	never       time.Duration = math.MaxInt64
	immediately time.Duration = math.MinInt64 / 2 // half, so that times can be taken off
)

// task is something to do for a room later.
type task struct {
	due   time.Duration // moment.Time.Steady
	order uint64
	room  *room
	value *value // of the room, for offerLater
	duty  duty
	index int // in the agenda
}

// agenda holds tasks by the time at which they are due. A room has at most one of each
// duty, and one offer for each of its values.
type agenda struct {
	tasks []*task
	added uint64
}

func (a *agenda) Len() int { return len(a.tasks) }

func (a *agenda) Less(i, j int) bool {
	if a.tasks[i].due != a.tasks[j].due {
		return a.tasks[i].due < a.tasks[j].due
	}
	return a.tasks[i].order < a.tasks[j].order
}

func (a *agenda) Swap(i, j int) {
	a.tasks[i], a.tasks[j] = a.tasks[j], a.tasks[i]
	a.tasks[i].index, a.tasks[j].index = i, j
}

func (a *agenda) Push(x any) {
	t := x.(*task) //nolint:forcetypeassert // heap's contract
	t.index = len(a.tasks)
	a.tasks = append(a.tasks, t)
}

func (a *agenda) Pop() any {
	n := len(a.tasks) - 1
	last := a.tasks[n]
	a.tasks[n] = nil
	a.tasks = a.tasks[:n]
	return last
}

// add has t done at due.
func (a *agenda) add(due time.Duration, t task) *task {
	a.added++
	t.due, t.order = due, a.added
	heap.Push(a, &t)
	return &t
}

func (a *agenda) remove(t *task) { heap.Remove(a, t.index) }

// next is when the first task is due, never if there is none.
func (a *agenda) next() time.Duration {
	if len(a.tasks) == 0 {
		return never
	}
	return a.tasks[0].due
}

// take returns the first task if it is due at now, or nil.
func (a *agenda) take(now time.Duration) *task {
	if len(a.tasks) == 0 || a.tasks[0].due > now {
		return nil
	}
	return heap.Pop(a).(*task) //nolint:forcetypeassert // only tasks are in it
}
