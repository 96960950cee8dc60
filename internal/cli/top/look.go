package top

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"backbone/internal/cli"
	"backbone/internal/overview"
)

const lookTimeout = 5 * time.Second

// wish is what is looked for.
type wish struct {
	sort, filter string
}

// picture is what one look has found. It is immutable, and what --json prints.
type picture struct {
	Instances []instance `json:"instances"`
	Clients   []client   `json:"clients"`
	Rooms     []room     `json:"rooms"`

	at time.Time
}

// instance is one instance, from its metrics and its readiness.
type instance struct {
	URL      string `json:"url"`
	Error    string `json:"error,omitempty"` // why it tells nothing
	Instance string `json:"instance,omitempty"`
	Status   string `json:"status,omitempty"` // ready or draining
	Bridge   string `json:"bridge,omitempty"`
	Cause    string `json:"cause,omitempty"` // why the bridge is not ok

	Consumers  int    `json:"consumers"`
	Ingestors  int    `json:"ingestors"`
	Slow       int    `json:"slow"` // clients
	Rooms      int    `json:"rooms"`
	Peers      int    `json:"peers"`
	Published  uint64 `json:"published_total"`
	Remote     uint64 `json:"remote_total"`
	Deliveries uint64 `json:"deliveries_total"`
	Conflated  uint64 `json:"conflated_total"`
	Outbox     int    `json:"outbox_bytes"`

	failed error
}

type client struct {
	Instance string `json:"instance"`
	overview.Client
}

// room is a room as all instances have it.
type room struct {
	Room    string   `json:"room"`
	Members int      `json:"members"`           // on all instances
	Version string   `json:"version,omitempty"` // the newest
	AgeMS   int64    `json:"age_ms"`            // of its event
	Payload string   `json:"payload,omitempty"`
	Behind  []string `json:"behind,omitempty"` // instances that have an older version
}

// failure is why an instance does not answer; nil: all do.
func (p *picture) failure() error {
	for _, i := range p.Instances {
		if i.failed != nil {
			return cli.Failf(cli.ExitFailed, "%w", i.failed)
		}
	}
	return nil
}

// look asks all instances at once.
func (c *Cmd) look(ctx context.Context, w wish) *picture {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	all := make([]found, len(c.URLs))
	var asking sync.WaitGroup
	for i, base := range c.URLs {
		asking.Go(func() {
			f := &all[i]
			err := c.ask(ctx, base, w, f)
			if f.instance.URL, f.instance.Slow = base, f.clients.Slow; err != nil {
				f.instance.failed, f.instance.Error = err, err.Error()
			}
		})
	}
	asking.Wait()
	p := &picture{at: time.Now(), Clients: []client{}}
	var rooms []overview.Rooms
	for _, f := range all {
		p.Instances = append(p.Instances, f.instance)
		rooms = append(rooms, f.rooms)
		for _, one := range f.clients.Clients {
			if row := (client{f.clients.Instance, one}); row.has(w.filter) {
				p.Clients = append(p.Clients, row)
			}
		}
	}
	sortClients(p.Clients, w.sort)
	p.Clients = p.Clients[:min(len(p.Clients), c.Limit)]
	p.Rooms = merge(rooms, c.Limit)
	return p
}

// found is what one instance has answered.
type found struct {
	instance instance
	clients  overview.Clients
	rooms    overview.Rooms
}

// ask asks an instance. After an error f has what it answered before.
func (c *Cmd) ask(ctx context.Context, base string, w wish, f *found) error {
	if err := c.metrics(ctx, base, &f.instance); err != nil {
		return err
	}
	if err := c.readiness(ctx, base, &f.instance); err != nil {
		return err
	}
	limit := c.Limit
	if w.filter != "" {
		limit = overview.MaxRows // the filter is here
	}
	if err := c.json(ctx, base, "/clients?sort="+w.sort+"&limit="+strconv.Itoa(limit), &f.clients); err != nil {
		return err
	}
	return c.json(ctx, base, "/rooms?prefix="+url.QueryEscape(w.filter)+"&limit="+strconv.Itoa(c.Limit), &f.rooms)
}

func (c *client) has(filter string) bool {
	return filter == "" || slices.ContainsFunc([]string{c.Address, c.Name, c.Role, c.Instance}, func(text string) bool {
		return strings.Contains(strings.ToLower(text), strings.ToLower(filter))
	})
}

// sortClients sorts those of several instances as each of these does.
func sortClients(clients []client, order string) {
	overview.Sort(clients, func(c client) overview.Client { return c.Client }, order)
}

// merge has each room once, with the newest of its versions.
func merge(all []overview.Rooms, limit int) []room {
	byName := map[string]*room{}
	versions := map[string]map[string]string{} // by room and instance
	for _, of := range all {
		for _, r := range of.Rooms {
			m := byName[r.Room]
			if m == nil {
				m = &room{Room: r.Room}
				byName[r.Room], versions[r.Room] = m, map[string]string{}
			}
			m.Members += r.Members
			if len(r.Values) == 0 {
				continue
			}
			v := r.Values[0] // its first type tells enough
			versions[r.Room][of.Instance] = v.Version
			if v.Version > m.Version {
				m.Version, m.AgeMS, m.Payload = v.Version, v.AgeMS, v.Payload
			}
		}
	}
	merged := []room{}
	for name, m := range byName {
		for instance, version := range versions[name] {
			if version < m.Version {
				m.Behind = append(m.Behind, instance)
			}
		}
		slices.Sort(m.Behind)
		merged = append(merged, *m)
	}
	slices.SortFunc(merged, func(a, b room) int { return cmp.Compare(a.Room, b.Room) })
	return merged[:min(len(merged), limit)]
}

// json asks for a page and reads its body.
func (c *Cmd) json(ctx context.Context, base, path string, into any) error {
	body, err := c.get(ctx, base, path)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxBody)).Decode(into); err != nil {
		return fmt.Errorf("%s answers what cannot be read: %w", base+path, err)
	}
	return nil
}

const maxBody = 64 << 20

// get asks for a page. An instance that stops answers /readyz with 503, and a body all the same.
func (c *Cmd) get(ctx context.Context, base, path string) (io.ReadCloser, error) {
	resp, err := c.Get(ctx, base, path)
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode == http.StatusOK, path == "/readyz" && resp.StatusCode == http.StatusServiceUnavailable:
		return resp.Body, nil
	case resp.StatusCode == http.StatusUnauthorized:
		err = fmt.Errorf("%s asks for a token: set --admin-token-file", base)
	case resp.StatusCode == http.StatusMisdirectedRequest:
		err = fmt.Errorf("%s asks for no token, and then answers to no such name: give --admin-url its IP address", base)
	case resp.StatusCode == http.StatusNotFound:
		err = fmt.Errorf("%s has no %s: is it an admin address, of this version?", base, path)
	default:
		err = fmt.Errorf("%s answers %d", base+path, resp.StatusCode)
	}
	resp.Body.Close()
	return nil, err
}

func (c *Cmd) readiness(ctx context.Context, base string, i *instance) error {
	var r struct {
		Status, Bridge string
		Shards         []struct{ Name, Cause string }
	}
	if err := c.json(ctx, base, "/readyz", &r); err != nil {
		return err
	}
	i.Status, i.Bridge = r.Status, r.Bridge
	for _, shard := range r.Shards {
		if shard.Cause != "" {
			i.Cause = shard.Cause
		}
	}
	return nil
}

func (c *Cmd) metrics(ctx context.Context, base string, i *instance) error {
	body, err := c.get(ctx, base, "/metrics")
	if err != nil {
		return err
	}
	defer body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(body, maxBody))
	if err != nil {
		return fmt.Errorf("%s answers what cannot be read: %w", base+"/metrics", err)
	}
	value := func(name, label string) (sum float64) {
		for _, m := range families["backbone_"+name].GetMetric() {
			if labels := m.GetLabel(); label == "" || len(labels) > 0 && labels[0].GetValue() == label {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
		return sum
	}
	for _, m := range families["backbone_instance_info"].GetMetric() {
		i.Instance = m.GetLabel()[0].GetValue()
	}
	i.Consumers, i.Ingestors = int(value("connections", "CONSUMER")), int(value("connections", "INGESTOR"))
	i.Rooms, i.Peers, i.Outbox = int(value("rooms", "")), int(value("bridge_peers", "")), int(value("outbox_bytes", ""))
	i.Published, i.Remote = uint64(value("published_total", "")), uint64(value("remote_total", ""))
	i.Deliveries, i.Conflated = uint64(value("deliveries_total", "")), uint64(value("undelivered_total", "conflated"))
	return nil
}
