// Package overview is what the admin address tells about clients and rooms, as JSON: whoever serves
// it and whoever reads it have the types here.
package overview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Client is one open WebSocket.
type Client struct {
	Address     string `json:"address"`
	Role        string `json:"role"`
	Name        string `json:"name,omitempty"` // of its key or token
	ConnectedMS int64  `json:"connected_ms"`   // for how long it has been connected, milliseconds

	Rooms     int    `json:"rooms"`          // that it is in
	AgeMS     int64  `json:"age_ms"`         // how old what it read was, by its newest answer to a mark, or for how long it has not answered
	Queued    int    `json:"queued"`         // bytes that wait for it in the server
	Conflated uint64 `json:"conflated"`      // prices left out for it since it connected
	Lags      string `json:"lags,omitempty"` // why it gets only the newest prices now: bytes or age
	Waits     uint32 `json:"write_waits"`    // times that a write had to wait for its socket
	WaitingMS int64  `json:"waiting_ms"`     // for how long the write under way has waited, milliseconds; 0: it does not

	Slow string `json:"slow,omitempty"` // why it counts as slow, in words; empty: it does not
}

// Bounds beyond which a client counts as slow.
const (
	slowAge     = 500 * time.Millisecond
	slowQueued  = 64 << 10
	slowWaiting = time.Second
)

// Judge sets Slow.
func (c *Client) Judge() {
	var why []string
	add := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	if c.WaitingMS >= slowWaiting.Milliseconds() {
		add("its socket takes nothing (%v)", milliseconds(c.WaitingMS))
	}
	if c.AgeMS >= slowAge.Milliseconds() && c.Rooms > 0 { // else it reads no prices
		add("reads prices %v old", milliseconds(c.AgeMS))
	}
	switch {
	case c.Lags == "age":
		add("gets only newest prices: what waited grew old")
	case c.Lags != "":
		add("gets only newest prices: too much waited")
	case c.Queued >= slowQueued:
		add("%d KiB wait for it", c.Queued>>10)
	}
	c.Slow = strings.Join(why, "; ")
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// MaxRows is the most clients or rooms that one answer can have.
const MaxRows = 10_000

// orders are those in which clients can be had, the usual one first.
var orders = []struct {
	name string
	by   func(*Client) float64
}{
	{"age", func(c *Client) float64 { return float64(max(c.AgeMS, c.WaitingMS)) }},
	{"queued", func(c *Client) float64 { return float64(c.Queued) }},
	{"conflated", func(c *Client) float64 { return float64(c.Conflated) }},
	{"rooms", func(c *Client) float64 { return float64(c.Rooms) }},
}

// Orders returns the names of the orders, the usual one first.
func Orders() (names []string) {
	for _, o := range orders {
		names = append(names, o.name)
	}
	return names
}

// Sort puts the rows of slow clients first, then the others, in each part those with the most first. Whose
// row it is says client. Sort reports false if there is no such order.
func Sort[Row any](rows []Row, client func(Row) Client, order string) bool {
	i := slices.Index(Orders(), order)
	if i < 0 {
		return false
	}
	by := orders[i].by
	slices.SortStableFunc(rows, func(one, other Row) int {
		a, b := client(one), client(other)
		if (a.Slow != "") != (b.Slow != "") {
			if a.Slow != "" {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(by(&b), by(&a)), cmp.Compare(b.Conflated, a.Conflated), cmp.Compare(a.Address, b.Address))
	})
	return true
}

// Clients is the answer of GET /clients.
type Clients struct {
	Instance string   `json:"instance"`
	Total    int      `json:"total"` // open WebSockets
	Slow     int      `json:"slow"`  // of these
	Sort     string   `json:"sort"`
	Clients  []Client `json:"clients"` // the first of them
}

// Room is one room.
type Room struct {
	Room    string  `json:"room"`
	Members int     `json:"members"`          // on this instance
	Values  []Value `json:"values,omitempty"` // the newest event of each type
}

// Value is the newest event of a type in a room. An event has the same version, epoch, number and
// time on every instance that has it.
type Value struct {
	Type    string `json:"type"`
	Version string `json:"version"`       // decides which of two events is newer
	Seq     uint64 `json:"seq,omitempty"` // number among the live events of the instance that took it in; 0: unknown
	At      int64  `json:"at,omitempty"`  // when that was, by its clock, Unix time in milliseconds; 0: unknown
	AgeMS   int64  `json:"age_ms"`        // how long ago that is
	Payload string `json:"payload"`       // the event; empty: it is too old to be given to anybody
}

// Rooms is the answer of GET /rooms.
type Rooms struct {
	Instance string `json:"instance"`
	Total    int    `json:"total"` // rooms with the prefix
	Rooms    []Room `json:"rooms"` // the first of them, by name
}
