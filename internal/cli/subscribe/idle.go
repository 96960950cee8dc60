package subscribe

import "time"

// idle is the time of --idle. The zero idle has none. The goroutine of the subscription owns it.
type idle struct {
	limit time.Duration
	timer *time.Timer
	last  time.Time // that something came, or the beginning
}

func newIdle(limit time.Duration) idle {
	if limit == 0 {
		return idle{}
	}
	return idle{limit: limit, timer: time.NewTimer(limit), last: time.Now()}
}

// over delivers once the limit may have passed: is tells.
func (i *idle) over() <-chan time.Time {
	if i.timer == nil {
		return nil
	}
	return i.timer.C
}

// heard notes that something came. The timer runs on: to set it for each event would cost more.
func (i *idle) heard() {
	if i.timer != nil {
		i.last = time.Now()
	}
}

// is reports whether nothing came for as long as the limit. If something did, over delivers again
// when the rest has passed.
func (i *idle) is() bool {
	rest := i.limit - time.Since(i.last)
	if rest > 0 {
		i.timer.Reset(rest)
	}
	return rest <= 0
}

func (i *idle) stop() {
	if i.timer != nil {
		i.timer.Stop()
	}
}
