package overview

import "testing"

func TestWhoCountsAsSlow(t *testing.T) {
	for want, c := range map[string]Client{
		"":                              {AgeMS: 499, Rooms: 1},
		"reads prices 500ms old":        {AgeMS: 500, Rooms: 1},
		"its socket takes nothing (1s)": {AgeMS: 1000, WaitingMS: 1000}, // it is in no room, so it reads no prices
		"gets only newest prices: what waited grew old": {Lags: "age", Rooms: 1},
	} {
		if c.Judge(); c.Slow != want {
			t.Errorf("%+v, want %q", c, want)
		}
	}
}
