package refusals

import "time"

// tellAgain is how often another reason for being away has a line at most. Reasons can take turns.
const tellAgain = time.Minute

// Away says which reasons for being away have a line of the log: the first, and then another one once
// a minute at most, because what keeps something away can differ from what broke it. One goroutine
// uses it. The zero Away has told of none.
type Away struct {
	told string
	next time.Time // another reason has no line before
}

// Begin notes the first reason, which has a line.
func (a *Away) Begin(reason string) { *a = Away{told: reason} }

// Told reports whether a reason has had a line.
func (a *Away) Told() bool { return a.told != "" }

// Other reports whether a reason has a line as another one, and notes that it has.
func (a *Away) Other(reason string) bool {
	now := time.Now()
	if reason == a.told || now.Before(a.next) {
		return false
	}
	*a = Away{told: reason, next: now.Add(tellAgain)}
	return true
}
