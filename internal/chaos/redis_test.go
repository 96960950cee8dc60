package chaos

import (
	"fmt"
	"testing"
	"time"

	"backbone/internal/bridge"
	"backbone/internal/partition"
	"backbone/internal/redistest"
)

// backend is a kind of Redis.
type backend interface {
	url(instance int) string // for --redis-url
	get(key string) string   // what is stored
	faults() []fault
}

// fault begins in begin and ends in end. After that all promises hold again; repair, if
// not nil, restores what the next fault needs.
type fault struct {
	name  string
	at    place
	begin func(w *world) (end, repair func())
}

// place is what a fault is about. Two faults at once are at different places.
type place int

const (
	atRedis place = iota
	atLinks
	atInstance
)

// lastPrice is where Redis keeps the last price of an instrument.
func lastPrice(instrument string) string {
	return fmt.Sprintf("%slast:{%s}:price_update:%s", bridge.DefaultPrefix, partition.Tag(partition.Of(instrument)), instrument)
}

// single is one server, with a proxy before it for each instance.
type single struct {
	server  *redistest.Server
	proxies []*redistest.Proxy
}

func startSingle(t *testing.T) backend {
	s := &single{server: redistest.Start(t)}
	for range instancesPerWorld {
		s.proxies = append(s.proxies, redistest.NewProxy(t, s.server))
	}
	return s
}

func (s *single) url(i int) string { return s.proxies[i].URL() }

func (s *single) get(key string) string { return s.server.CLI("GET", key) }

func (s *single) faults() []fault {
	all := []fault{
		{"redis killed, back empty", atRedis, func(*world) (end, repair func()) {
			s.server.Kill()
			return s.server.Restart, nil
		}},
		{"redis frozen", atRedis, func(*world) (end, repair func()) {
			s.server.Freeze()
			return s.server.Thaw, nil
		}},
		{"redis frozen, then killed, back empty", atRedis, func(*world) (end, repair func()) {
			s.server.Freeze() // what is sent from now on is lost
			return s.server.Restart, nil
		}},
		{"redis restarted empty", atRedis, func(*world) (end, repair func()) {
			s.server.Restart()
			return func() {}, nil
		}},
		{"all instances cut off", atLinks, func(*world) (end, repair func()) {
			each(s.proxies, (*redistest.Proxy).Cut)
			return func() { each(s.proxies, (*redistest.Proxy).Mend) }, nil
		}},
		{"slow close, and redis restarted empty", atLinks, func(w *world) (end, repair func()) {
			d := w.between(time.Second, 5*time.Second)
			each(s.proxies, func(p *redistest.Proxy) { p.SlowClose(d) })
			s.server.Restart()
			return func() { each(s.proxies, (*redistest.Proxy).Whole) }, nil
		}},
	}
	for _, one := range []struct {
		name  string
		begin func(w *world, p *redistest.Proxy) (end func())
	}{
		{"one instance cut off", func(_ *world, p *redistest.Proxy) func() { p.Cut(); return p.Mend }},
		{"one instance half-open", func(_ *world, p *redistest.Proxy) func() { p.HalfOpen(); return p.Whole }},
		{"one instance half-open to redis", func(_ *world, p *redistest.Proxy) func() { p.Mute(); return p.Whole }},
		{"one instance half-open from redis", func(_ *world, p *redistest.Proxy) func() { p.Deafen(); return p.Whole }},
		{"one instance far from redis", func(w *world, p *redistest.Proxy) func() {
			p.Delay(w.between(20*time.Millisecond, time.Second))
			return p.Whole
		}},
		{"one instance cut off again and again", flap},
	} {
		all = append(all, fault{one.name, atLinks, func(w *world) (end, repair func()) {
			return one.begin(w, s.proxies[w.random.IntN(len(s.proxies))]), nil
		}})
	}
	return all
}

// flap leaves a link just enough time to work now and then.
func flap(w *world, p *redistest.Proxy) (end func()) {
	for range 5 {
		p.Cut()
		w.pause(w.between(10*time.Millisecond, 300*time.Millisecond))
		p.Mend()
		w.pause(w.between(50*time.Millisecond, 500*time.Millisecond))
	}
	return func() {}
}

func each(proxies []*redistest.Proxy, f func(*redistest.Proxy)) {
	for _, p := range proxies {
		f(p)
	}
}

// sentinel is a master that is replaced when it is lost.
type sentinel struct{ *redistest.Sentinel }

func startSentinel(t *testing.T) backend { return &sentinel{redistest.StartSentinel(t)} }

func (s *sentinel) url(int) string {
	return "redis+sentinel://" + s.Addrs() + "/" + redistest.MasterName
}

func (s *sentinel) get(key string) string { return s.Master.CLI("GET", key) }

func (s *sentinel) faults() []fault {
	return []fault{
		{"sentinel: master killed, replica promoted", atRedis, func(*world) (end, repair func()) {
			s.Master.Kill()
			return s.Failover, s.Rejoin
		}},
		{"sentinel: master frozen, replica promoted, thawed as master", atRedis, func(*world) (end, repair func()) {
			s.Master.Freeze()
			return func() { s.Failover(); s.Master.Thaw() }, s.Rejoin
		}},
		{"sentinel: master frozen for a moment", atRedis, func(w *world) (end, repair func()) {
			s.Master.Freeze()
			w.pause(w.between(100*time.Millisecond, 900*time.Millisecond))
			s.Master.Thaw()
			return func() {}, nil
		}},
		{"sentinel: master restarted empty", atRedis, func(*world) (end, repair func()) {
			s.Master.Restart()
			return func() {}, nil
		}},
	}
}

// cluster is three masters, each replaced when it is lost.
type cluster struct{ *redistest.Cluster }

func startCluster(t *testing.T) backend { return &cluster{redistest.StartCluster(t)} }

func (c *cluster) url(int) string { return "redis+cluster://" + c.Addrs() }

func (c *cluster) get(key string) string { return c.MasterOf(key).CLI("GET", key) }

// key is that of an instrument in the middle of things.
func (c *cluster) key(w *world) string {
	return lastPrice(instruments[w.random.IntN(len(instruments))])
}

func (c *cluster) faults() []fault {
	return []fault{
		{"cluster: master killed, replica promoted", atRedis, func(w *world) (end, repair func()) {
			key := c.key(w)
			lost := c.MasterOf(key)
			lost.Kill()
			return func() { c.Failover(key, lost) }, func() { c.Rejoin(lost) }
		}},
		{"cluster: master frozen, replica promoted, thawed", atRedis, func(w *world) (end, repair func()) {
			key := c.key(w)
			lost := c.MasterOf(key)
			lost.Freeze()
			return func() { c.Failover(key, lost); lost.Thaw() }, func() { c.Rejoin(lost) }
		}},
		{"cluster: master restarted empty", atRedis, func(w *world) (end, repair func()) {
			key := c.key(w)
			lost := c.MasterOf(key)
			lost.Restart()
			return c.Whole, nil
		}},
		{"cluster: slot moved", atRedis, func(w *world) (end, repair func()) {
			key := c.key(w)
			c.Begin(key)
			return func() { c.Migrate(key) }, nil
		}},
	}
}

// ofInstances are the faults that need no Redis.
func ofInstances() []fault {
	return []fault{
		{"instance killed", atInstance, func(w *world) (end, repair func()) {
			in := w.instances[w.random.IntN(len(w.instances))]
			in.kill(w.round)
			return func() { in.start(w.round) }, nil
		}},
		{"instance frozen", atInstance, func(w *world) (end, repair func()) {
			in := w.instances[w.random.IntN(len(w.instances))]
			in.freeze()
			return in.thaw, nil
		}},
	}
}
