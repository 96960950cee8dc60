package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"backbone/internal/hub"
	"backbone/internal/overview"
)

const (
	lookTimeout = 5 * time.Second // for an answer of the goroutines that know
	clientRows  = 20
	roomRows    = 100
)

// pages are those of the admin address that tell of clients and rooms, and change something. Whoever
// owns what they tell is asked for a little at a time, so that no event waits long.
func (s *Server) pages() map[string]http.Handler {
	return map[string]http.Handler{
		"GET /clients": s.one(s.clientsPage),
		"GET /rooms":   s.one(s.roomsPage),
		"POST /reload": s.one(s.reloadPage),
		"POST /drain":  http.HandlerFunc(s.drainPage),
	}
}

// refusal is an answer other than 200.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

// one makes a page of a function that returns its body. While one of them is being answered, others
// are refused.
func (s *Server) one(page func(context.Context, *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.looking <- struct{}{}:
			defer func() { <-s.looking }()
		case <-time.After(lookTimeout):
			w.Header().Set("Retry-After", "1")
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "another request is being answered: try again"})
			return
		case <-r.Context().Done():
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
		defer cancel()
		body, err := page(ctx, r)
		if err == nil {
			writeJSON(w, http.StatusOK, body)
			return
		}
		status := http.StatusServiceUnavailable // it stops, or does not answer in time
		if refused, ok := err.(*refusal); ok {  //nolint:errorlint // made in this file and never wrapped
			status = refused.status
		}
		writeJSON(w, status, map[string]string{"error": err.Error()})
	})
}

// parameters reads the query of a page. The error names what is wrong with it.
func parameters(r *http.Request, limit int, known ...string) (map[string]string, int, error) {
	values := map[string]string{}
	for name, v := range r.URL.Query() {
		switch {
		case !slices.Contains(append(known, "limit"), name):
			return nil, 0, &refusal{http.StatusBadRequest, fmt.Sprintf("%s: is unknown; this page knows %s", name, strings.Join(append(known, "limit"), ", "))}
		case len(v) != 1:
			return nil, 0, &refusal{http.StatusBadRequest, name + ": is there more than once"}
		}
		values[name] = v[0]
	}
	if text, given := values["limit"]; given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > overview.MaxRows {
			return nil, 0, &refusal{http.StatusBadRequest, fmt.Sprintf("limit: must be a number from 1 to %d", overview.MaxRows)}
		}
		limit = n
	}
	return values, limit, nil
}

func (s *Server) clientsPage(ctx context.Context, r *http.Request) (any, error) {
	values, limit, err := parameters(r, clientRows, "sort")
	if err != nil {
		return nil, err
	}
	order, given := values["sort"]
	if !given {
		order = overview.Orders()[0]
	}
	if !slices.Contains(overview.Orders(), order) {
		return nil, &refusal{http.StatusBadRequest, "sort: must be one of " + strings.Join(overview.Orders(), ", ")}
	}
	connections, err := s.transport.Connections(ctx)
	if err != nil {
		return nil, err
	}
	handles := make([]*hub.Client, 0, len(connections))
	for _, c := range connections {
		handles = append(handles, c.Client)
	}
	standings, err := s.hub.Standings(ctx, handles)
	if err != nil {
		return nil, err
	}
	body := overview.Clients{Instance: s.name, Total: len(connections), Sort: order}
	all := make([]overview.Client, 0, len(connections))
	for i, c := range connections {
		h := standings[i]
		row := overview.Client{
			Address: c.Address, Role: c.Role, Name: c.Name, ConnectedMS: c.Open.Milliseconds(),
			Rooms: h.Rooms, AgeMS: c.Age.Milliseconds(), Queued: h.Queued, Conflated: h.Skipped, Lags: h.Lags,
			Waits: c.Waits, WaitingMS: c.Waiting.Milliseconds(),
		}
		if row.Judge(); row.Slow != "" {
			body.Slow++
		}
		all = append(all, row)
	}
	overview.Sort(all, func(c overview.Client) overview.Client { return c }, order)
	body.Clients = all[:min(len(all), limit)]
	return body, nil
}

func (s *Server) roomsPage(ctx context.Context, r *http.Request) (any, error) {
	values, limit, err := parameters(r, roomRows, "prefix")
	if err != nil {
		return nil, err
	}
	body := overview.Rooms{Instance: s.name, Rooms: []overview.Room{}}
	if !s.ingest.HasTable() {
		return s.roomsOfHub(ctx, values["prefix"], limit, body)
	}
	names, total, err := s.ingest.Rooms(ctx, func(room string) bool { return strings.HasPrefix(room, values["prefix"]) }, false, limit, func() {})
	if err != nil {
		return nil, err
	}
	body.Total = total
	states, err := s.ingest.States(ctx, names)
	if err != nil {
		return nil, err
	}
	for _, state := range states {
		room := overview.Room{Room: state.Room, Members: state.Members}
		for _, v := range state.Values {
			room.Values = append(room.Values, overview.Value{
				Type: v.Type, Version: v.Version.String(), Seq: v.Seq, At: v.At, AgeMS: v.Age.Milliseconds(), Payload: v.Payload,
			})
		}
		body.Rooms = append(body.Rooms, room)
	}
	return body, nil
}

// roomsOfHub is the page of an instance that keeps no last prices: only rooms with members are known.
func (s *Server) roomsOfHub(ctx context.Context, prefix string, limit int, body overview.Rooms) (any, error) {
	rooms, err := s.hub.Rooms(ctx, func(room string) bool { return strings.HasPrefix(room, prefix) })
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rooms, func(a, b hub.RoomMembers) int { return strings.Compare(a.Room, b.Room) })
	body.Total = len(rooms)
	for _, room := range rooms[:min(len(rooms), limit)] {
		body.Rooms = append(body.Rooms, overview.Room{Room: room.Room, Members: room.Members})
	}
	return body, nil
}

// reloaded is one entry of the answer of POST /reload.
type reloaded struct {
	What    string `json:"what"` // the setting that names the file
	Changed string `json:"changed,omitempty"`
	Error   string `json:"error,omitempty"` // why what was read before stays in use
}

func (s *Server) reloadPage(ctx context.Context, _ *http.Request) (any, error) {
	outcomes, err := s.Reload(ctx)
	if err != nil {
		return nil, err
	}
	all := []reloaded{}
	for _, o := range outcomes {
		r := reloaded{What: o.Name, Changed: o.Changed}
		if o.Err != nil {
			r.Error = o.Err.Error()
		}
		all = append(all, r)
	}
	return map[string]any{"instance": s.name, "files": all}, nil
}

// drainPage begins the stop that SIGTERM begins, and answers at once. Asking again changes nothing.
func (s *Server) drainPage(w http.ResponseWriter, _ *http.Request) {
	select {
	case s.drainAsked <- struct{}{}:
		s.log.Info("the stop was asked for at the admin address")
	default:
	}
	writeJSON(w, http.StatusAccepted, map[string]any{
		"instance": s.name, "status": "draining",
		"delay_ms": s.cfg.DrainDelay.Milliseconds(), "window_ms": s.cfg.DrainWindow.Milliseconds(), "timeout_ms": s.cfg.DrainTimeout.Milliseconds(),
	})
}
