package runner

import (
	"maps"
	"slices"
	"time"

	"backbone/internal/feed"
)

// lineEvery is how often a reason may have a line in the log.
const lineEvery = time.Minute

// endings are the reasons by which others are over. They have a line at once where one of the others has had one
// since, or the log would end with what is over.
var endings = map[feed.Reason][]feed.Reason{
	feed.Connected: {feed.Lost, feed.Closed, feed.TooLarge, feed.Dead, feed.Stuck, feed.Refused, feed.NoConnect},
	feed.Live:      {feed.Silent},
}

// lines are those of the log. One goroutine owns them.
type lines struct {
	log func(reason feed.Reason, count uint64, last string)
	of  map[feed.Reason]*line
}

type line struct {
	reason feed.Reason
	said   time.Time // last; zero: never
	at     time.Time // when it happened last
	unsaid uint64
	detail string
}

// report notes what happened since the last report, what ends others last.
func (l *lines) report(counts map[feed.Reason]counted, now time.Time) {
	for _, ending := range []bool{false, true} {
		for _, reason := range slices.Sorted(maps.Keys(counts)) {
			if c := counts[reason]; c.detail != "" && (endings[reason] != nil) == ending {
				l.happened(reason, c, now)
			}
		}
	}
}

func (l *lines) happened(reason feed.Reason, c counted, now time.Time) {
	at := l.of[reason]
	if at == nil {
		at = &line{reason: reason}
		l.of[reason] = at
	}
	at.at, at.unsaid, at.detail = now, at.unsaid+c.n, c.detail
	if l.due(at, now) || slices.ContainsFunc(endings[reason], func(over feed.Reason) bool {
		o := l.of[over]
		return o != nil && o.said.After(at.said)
	}) {
		l.say(at, now)
	}
}

func (l *lines) due(at *line, now time.Time) bool {
	return at.said.IsZero() || now.Sub(at.said) >= lineEvery
}

// waiting says what may have a line now, or all that waits for one, in the order in which it happened.
func (l *lines) waiting(now time.Time, all bool) {
	var next []*line
	for _, at := range l.of {
		if at.unsaid > 0 && (all || l.due(at, now)) {
			next = append(next, at)
		}
	}
	slices.SortFunc(next, func(a, b *line) int { return a.at.Compare(b.at) })
	for _, at := range next {
		l.say(at, now)
	}
}

func (l *lines) say(at *line, now time.Time) {
	l.log(at.reason, at.unsaid, at.detail)
	at.said, at.unsaid = now, 0
}
