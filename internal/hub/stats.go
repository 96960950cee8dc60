package hub

import "slices"

// Stats are the hub's counters since start, and gauges where marked.
type Stats struct {
	Clients    int    // gauge: registered clients
	Rooms      int    // gauge: rooms with members
	Lagging    int    // gauge: clients that lag
	Events     uint64 // live events routed
	Unheard    uint64 // live events of rooms without members
	Deliveries uint64 // live events times members
	Conflated  uint64 // live events left out for clients that lagged
	Throttled  uint64 // live events left out because their members asked for no more in a while
	Lost       uint64 // messages left out for clients that lagged
	Dropped    uint64 // live events that waited for a client when it left or was closed, or came when it was closed
	LagsBytes  uint64 // times that a client began to lag because too many bytes waited for it
	LagsAge    uint64 // times that a client began to lag because what waited for it grew old
	Slow       uint64 // clients closed because they did not keep up
	Refused    uint64 // clients closed because they did not keep up and had refused conflation
}

// ClientStats is how one client stands.
type ClientStats struct {
	Rooms   int    // that it is in
	Queued  int    // bytes that wait for its write side
	Skipped uint64 // live events left out for it since it came
	Lags    string // why it lags, one of LagBytes and LagAge; "": it does not
}

// Why a client lags.
const (
	LagBytes = "bytes" // too much waited for it
	LagAge   = "age"   // what waited for it grew old
)

// Stats returns the counters as they are now, or zeros if the hub has ended.
func (h *Hub) Stats() (s Stats) {
	h.look(func() { s = h.counters() })
	return s
}

// ClientStats returns how c stands now. It reports false if c is not registered.
func (h *Hub) ClientStats(c *Client) (s ClientStats, ok bool) {
	h.look(func() { s, ok = h.standing(c) })
	return s, ok
}

// RoomsOf returns the rooms that c is in.
func (h *Hub) RoomsOf(c *Client) (rooms []string) {
	h.look(func() { rooms = slices.Clone(c.rooms) })
	return rooms
}

// Known returns those of rooms that have members, and how many rooms have.
func (h *Hub) Known(rooms []string) (known map[string]bool, all int) {
	known = map[string]bool{}
	for some := range slices.Chunk(rooms, h.step) {
		h.look(func() {
			for _, room := range some {
				if _, has := h.rooms[room]; has {
					known[room] = true
				}
			}
			all = len(h.rooms)
		})
	}
	return known, all
}

// look has f look at what Run owns, or does nothing if the hub has ended.
func (h *Hub) look(f func()) { h.sendAndWait(command{op: opLook, look: f}) }

func (h *Hub) counters() Stats {
	s := h.stats
	s.Clients, s.Rooms = len(h.clients), len(h.rooms)
	return s
}

func (h *Hub) standing(c *Client) (s ClientStats, registered bool) {
	if _, registered = h.clients[c]; !registered {
		return s, false
	}
	s = ClientStats{Rooms: len(c.rooms), Queued: c.unsent(), Skipped: c.skipped}
	if c.lag != nil {
		s.Queued += c.lag.size()
		s.Lags = LagBytes
		if c.aged {
			s.Lags = LagAge
		}
	}
	return s, true
}
