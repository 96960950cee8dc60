package publish

import (
	"context"
	"errors"
	"slices"
)

// maxWaiting is the number of reports that are kept in order. Half of them at most have no answer
// yet, so the others can be judged if it is reached.
const maxWaiting = 2 * inFlight

// answers judges reports in the order of publishing, as far as maxWaiting allows. The reporter
// owns it.
type answers struct {
	*publication
	life    context.Context
	waiting []report
	first   chan error // the answer to the first of waiting, for which one goroutine waits
}

// add judges r, or keeps it until its answer or that of an earlier one has come.
func (q *answers) add(r report) {
	q.waiting = append(q.waiting, r)
	switch len(q.waiting) {
	case 1:
		q.settle()
	case maxWaiting:
		behind := slices.DeleteFunc(q.waiting[1:], q.judged)
		q.waiting = q.waiting[:1+len(behind)]
	}
}

// took judges the first with its answer, and those behind it that have theirs.
func (q *answers) took(err error) {
	q.judge(q.life, q.waiting[0], err)
	q.waiting = q.waiting[1:]
	q.settle()
}

// settle judges from the front, and waits for the first answer that has not come.
func (q *answers) settle() {
	for len(q.waiting) > 0 && q.judged(q.waiting[0]) {
		q.waiting = q.waiting[1:]
	}
	if len(q.waiting) > 0 {
		pending := q.waiting[0].pending
		go func() { q.first <- pending.Wait(context.Background()) }()
	}
}

// judged judges r if its answer has come.
func (q *answers) judged(r report) bool {
	err := r.err
	if r.pending != nil {
		err = r.pending.Wait(noWait)
	}
	if errors.Is(err, errNoAnswer) {
		return false
	}
	q.judge(q.life, r, err)
	return true
}

var errNoAnswer = errors.New("no answer yet")

// noWait has ended, with errNoAnswer.
var noWait = func() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errNoAnswer)
	return ctx
}()
