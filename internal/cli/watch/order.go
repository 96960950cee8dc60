package watch

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// sorting is an order of rows: by name, or by a figure with the largest first.
type sorting struct {
	name  string // as --sort has it
	key   string // that asks for it
	about string
	less  func(a, b *row, now time.Time) int
}

var sortings = []sorting{
	{"joined", "j", "as they were joined", func(*row, *row, time.Time) int { return 0 }},
	{"name", "n", "by name", func(a, b *row, _ time.Time) int { return strings.Compare(a.room, b.room) }},
	{"change", "c", "by change, the largest rise first", func(a, b *row, _ time.Time) int { return cmp.Compare(b.change(), a.change()) }},
	{"updates", "u", "by updates a second", func(a, b *row, _ time.Time) int { return cmp.Compare(b.perSecond, a.perSecond) }},
	{"age", "g", "by age, the oldest first", func(a, b *row, now time.Time) int { return cmp.Compare(ageOf(b, now), ageOf(a, now)) }},
	{"latency", "l", "by latency", func(a, b *row, _ time.Time) int { return cmp.Compare(b.latency, a.latency) }},
	{"conflated", "k", "by conflated prices", func(a, b *row, _ time.Time) int { return cmp.Compare(b.conflated, a.conflated) }},
}

// ageOf is an age to sort by: a room without a price is older than all.
func ageOf(r *row, now time.Time) time.Duration {
	age, ok := r.age(now)
	if !ok {
		return 1 << 62
	}
	return age
}

// ordered are the names of the rooms whose names have the filter's text, in order.
func ordered(p *picture, by sorting, reverse bool, filter string) []string {
	var chosen []*row
	filter = strings.ToLower(filter)
	for i := range p.rows {
		if strings.Contains(strings.ToLower(p.rows[i].room), filter) {
			chosen = append(chosen, &p.rows[i])
		}
	}
	slices.SortStableFunc(chosen, func(a, b *row) int { return by.less(a, b, p.at) })
	if reverse {
		slices.Reverse(chosen)
	}
	names := make([]string, len(chosen))
	for i, r := range chosen {
		names[i] = r.room
	}
	return names
}
