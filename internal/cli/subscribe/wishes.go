package subscribe

import (
	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/human"
	"backbone/protocol"
)

// wishes say how many of the prices are wanted.
type wishes struct {
	MaxRate   float64 `placeholder:"N" help:"Ask the server for no more than N prices of a room a second, such as 2 or 0.2: the first at once, then the newest, and always the last. 0 is each price."`
	Conflate  string  `placeholder:"behind|never" help:"What the server leaves out while this program is behind: all but the newest price of each room (behind, the default), or nothing (never): then it closes the connection instead."`
	MinChange string  `placeholder:"CHANGE" help:"Print a price only if it is so far from the last one printed of its room: 0.01, or 0.5%. First and last known prices are always printed. How many were not is said at the end."`
}

func (w *wishes) checkWishes() error {
	if err := cli.CheckMaxRate(w.MaxRate); err != nil {
		return err
	}
	never := w.Conflate == protocol.ConflateNever
	switch {
	case w.Conflate != "" && !never && w.Conflate != protocol.ConflateBehind:
		return config.Errorf("conflate", "must be %s or %s, not %q", protocol.ConflateBehind, protocol.ConflateNever, w.Conflate)
	case never && w.MaxRate > 0:
		return config.Errorf("conflate", "%s refuses what --max-rate asks for: leave one out", w.Conflate)
	}
	return cli.CheckMinChange(w.MinChange)
}

// addTo adds what the server is asked for.
func (w *wishes) addTo(opt *client.JoinOptions) {
	opt.MaxRate, opt.Conflate = w.MaxRate, client.Conflation(w.Conflate)
}

// filter is nil if each price is printed.
func (w *wishes) filter() *client.ChangeFilter {
	if w.MinChange == "" {
		return nil
	}
	return client.NewChangeFilter(client.MinChange(w.MinChange))
}

// passes reports whether an event is to be printed.
func (sub *subscription) passes(e client.Event) bool {
	return sub.filter == nil || sub.filter.Pass(e)
}

// sayLeftOut says how many prices were not printed because of --min-change.
func sayLeftOut(s cli.Streams, f *client.ChangeFilter) {
	if f != nil && f.LeftOut() > 0 {
		s.Say("%s were not printed: less than --min-change from the one before", human.Things(int(f.LeftOut()), "price"))
	}
}
