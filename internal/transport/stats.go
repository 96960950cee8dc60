package transport

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"backbone/internal/credit"
	"backbone/internal/handshake"
	"backbone/internal/hub"
	"backbone/internal/oldest"
	"backbone/internal/refusals"
	"backbone/protocol"
)

// Metric is one counter or gauge, or one for each value of a label. It is safe for concurrent
// use by multiple goroutines.
type Metric struct {
	Name   string
	Help   string
	Gauge  bool     // the value can fall
	Label  string   // "": there is none
	Values []string // of the label, all that can occur

	cells []atomic.Int64 // one for each of Values, or one
	sum   func() int64   // the value, where it is not in cells; nil: it is
}

// Value returns the value now; label is one of Values, or "" where there are none.
func (m *Metric) Value(label string) float64 {
	if m.sum != nil {
		return float64(m.sum())
	}
	return float64(m.cell(label).Load())
}

// add adds n to a metric without a label.
func (m *Metric) add(n int) { m.cells[0].Add(int64(n)) }

// count adds 1 for this value of the label, or for other where it is not listed.
func (m *Metric) count(label string) { m.cell(label).Add(1) }

func (m *Metric) cell(label string) *atomic.Int64 {
	if m.Label == "" {
		return &m.cells[0]
	}
	i := slices.Index(m.Values, m.listed(label))
	if i < 0 {
		panic("transport: " + m.Name + " does not count " + label)
	}
	return &m.cells[i]
}

// listed is the value under which label is counted.
func (m *Metric) listed(label string) string {
	if slices.Contains(m.Values, label) {
		return label
	}
	return other
}

// other is the value of a label for everything that its list does not name.
const other = "other"

// Why a connection ended before a whole request had come.
const (
	gone      = "gone" // the peer left
	timedOut  = "timeout"
	pushedOut = "pushed_out"
	noHTTP    = "no_http"
	badTLS    = "tls"
	noProxy   = "proxy_header"
)

// What did not come in time.
const (
	latePong    = "pong"    // the answer to a ping
	lateMessage = "message" // the last fragment
)

// counters are all metrics of a server, written by all its connections. A new one is a field
// and a line in newCounters.
type counters struct {
	// Immutable after newCounters.
	all  []*Metric
	sent []*sent // of the writers, and one for WritePumps without a writer

	opened     atomic.Int64 // WebSockets and connections of visitors; set by the registry
	open       *Metric      // by role
	accepted   *Metric
	refused    *Metric // by HTTP status; other: without an answer
	waiting    *Metric
	unfinished *Metric // by why
	unread     *Metric
	closes     *Metric // by code; other: a code that the peer chose
	errors     *Metric // by code
	messages   *Metric
	delayed    *Metric
	limited    *Metric // by limit
	late       *Metric // by what did not come in time
	bytesIn    *Metric
	stalled    *Metric
	shut       *Metric
	marksOff   *Metric
	warned     *Metric
	age        credit.Ages
	toWrite    credit.Ages
}

// sent counts what was written. Each writer has its own, so that writers on different cores
// do not share a cache line.
type sent struct{ writes, bytes atomic.Int64 }

func newCounters(writes []*sent) *counters {
	c := &counters{sent: writes}
	c.open = c.add(Metric{Name: "connections", Help: "Open WebSockets.", Gauge: true,
		Label: "role", Values: []string{string(protocol.Consumer), string(protocol.Ingestor)}})
	c.accepted = c.add(Metric{Name: "connections_accepted_total", Help: "WebSockets opened."})
	c.refused = c.add(Metric{Name: "handshakes_refused_total", Help: "WebSockets refused, by HTTP status.",
		Label: "status", Values: []string{"400", "401", "403", "405", "426", "429", "503", "505", other}})
	c.waiting = c.add(Metric{Name: "handshakes_open", Gauge: true,
		Help: "Connections that have sent no whole request yet, or whose request is not for a WebSocket."})
	c.unfinished = c.add(Metric{Name: "handshakes_unfinished_total",
		Help:  "Connections that ended before a whole request had come, by why. pushed_out: there were too many of them. proxy_header: it had none, or a wrong one.",
		Label: "why", Values: []string{gone, timedOut, pushedOut, noHTTP, badTLS, noProxy}})
	c.unread = c.add(Metric{Name: "forwarded_unreadable_total",
		Help: "Handshakes from trusted proxies whose X-Forwarded-For or Forwarded names no address where the client's should be."})
	c.closes = c.add(Metric{Name: "closes_total", Help: "Close frames sent, by code; other is a code that the peer chose.",
		Label: "code", Values: closeCodes(
			protocol.CloseNormal, protocol.CloseGoingAway, protocol.CloseRestart, protocol.CloseProtocolError, protocol.CloseUnsupportedData,
			protocol.CloseInvalidData, protocol.CloseTooBig, protocol.CloseUnauthorized, protocol.CloseSlowConsumer, protocol.CloseTooMany,
		)})
	c.errors = c.add(Metric{Name: "requests_refused_total", Help: "Requests answered with an error, by code.",
		Label: "code", Values: codeLabels()})
	c.messages = c.add(Metric{Name: "messages_received_total", Help: "Messages from clients."})
	c.bytesIn = c.add(Metric{Name: "received_bytes_total", Help: "Bytes of messages from clients."})
	c.delayed = c.add(Metric{Name: "delays_total", Help: "Waits of clients that send faster than their rate."})
	c.limited = c.add(Metric{Name: "limited_total", Help: "What a limit refused, delayed or closed, by limit.", Label: "limit", Values: []string{
		limitConnections, limitPerAddress, limitOpens, limitMemory, limitHandshake, limitRooms, limitRoomsTotal, limitJoinRate, limitLooks,
		limitMessageRate, limitBytes, limitChatRate, limitIngestRate, limitIngestBytes, limitBad,
	}})
	c.late = c.add(Metric{Name: "read_timeouts_total", Help: "Connections closed because something did not come from their client in time, by what.",
		Label: "what", Values: []string{latePong, lateMessage}})
	c.stalled = c.add(Metric{Name: "write_timeouts_total",
		Help: "Connections closed because their client accepted no byte for the write time-out."})
	c.shut = c.add(Metric{Name: "windows_shut", Help: "Consumers that have too much under way: they are sent nothing more until they have read some of it.", Gauge: true})
	c.marksOff = c.add(Metric{Name: "marks_off_total",
		Help: "Consumers that answered no ping although they sent other frames: the age of what they read is not bounded."})
	c.warned = c.add(Metric{Name: "drain_warnings_total", Help: "Clients told to connect elsewhere: the instance stops, or their connection is old enough."})
	c.add(Metric{Name: "writes_total", Help: "Writes to clients; one can carry many messages.",
		sum: c.sum(func(s *sent) int64 { return s.writes.Load() })})
	c.add(Metric{Name: "sent_bytes_total", Help: "Bytes written to clients.",
		sum: c.sum(func(s *sent) int64 { return s.bytes.Load() })})
	return c
}

func codeLabels() (labels []string) {
	for _, code := range protocol.Codes() {
		labels = append(labels, string(code))
	}
	return labels
}

// add makes m one of the metrics.
func (c *counters) add(m Metric) *Metric {
	m.cells = make([]atomic.Int64, max(1, len(m.Values)))
	c.all = append(c.all, &m)
	return &m
}

func (c *counters) sum(of func(*sent) int64) func() int64 {
	return func() (n int64) {
		for _, s := range c.sent {
			n += of(s)
		}
		return n
	}
}

func closeCodes(codes ...protocol.CloseCode) (labels []string) {
	for _, code := range codes {
		labels = append(labels, closeLabel(code))
	}
	return append(labels, other)
}

func closeLabel(code protocol.CloseCode) string { return strconv.Itoa(int(code)) }

// tellAge has the log name the client if few read older prices.
func (w *writeSide) tellAge(age time.Duration) {
	c, f := w.conn, w.fresh
	w.conn.place.seen.age.Store(max(f.age, uint32(age.Milliseconds())))
	if age < c.server.opts.Limits.MaxAge/2 || !c.server.oldest.On() {
		return
	}
	if now := uint32(c.server.now() / oldest.Again); now != f.told && c.server.oldest.Tell(oldest.Reader{
		Client: &c.client, Address: c.RemoteAddr(), Role: string(c.identity.Role), Name: c.identity.Name,
		Age: age, Outstanding: f.window.Outstanding(), Window: f.window.Size(),
	}) {
		f.told = now
	}
}

// Opened is how many connections count for the limit of connections: WebSockets, and those of visitors.
func (s *Server) Opened() int { return int(s.stats.opened.Load()) }

// Connection is how an open WebSocket stands. What the hub knows of it, it knows of Client.
type Connection struct {
	Client     *hub.Client
	Address    string
	Role, Name string
	Open       time.Duration // since when
	Age        time.Duration // of what it read, by its newest answer to a mark, or for how long it has not answered
	Waits      uint32        // writes that had to wait for its socket
	Waiting    time.Duration // for how long the write under way has waited; 0: it does not
}

// Connections returns all open WebSockets, in no order. The error is that of ctx. Serve must be running.
func (s *Server) Connections(ctx context.Context) ([]Connection, error) {
	conns, err := s.webSockets(ctx)
	if err != nil {
		return nil, err
	}
	now, all := s.now(), make([]Connection, 0, len(conns))
	for _, c := range conns {
		seen := &c.place.seen
		o := Connection{
			Client: &c.client, Address: c.RemoteAddr().String(), Role: string(c.identity.Role), Name: c.identity.Name,
			Open: now - seen.begun, Age: time.Duration(seen.age.Load()) * time.Millisecond, Waits: seen.waits.Load(),
		}
		if since := time.Duration(seen.since.Load()); since > 0 {
			o.Waiting = max(now-since, 0)
		}
		all = append(all, o)
	}
	return all, nil
}

// The kinds of refusals that share their lines in the log.
var (
	notAccepted             = refusals.Kind{Message: "a connection could not be accepted", Warning: true}
	pushedOutOfAll          = refusals.Kind{Message: "connection without a request pushed out", Key: "limit", Of: "connections"}
	pushedOutOfAddress      = refusals.Kind{Message: "connection without a request pushed out", Key: "limit", Of: "connections of an address"}
	pushedOutForDescriptors = refusals.Kind{Message: "connection without a request pushed out", Key: "limit", Of: "file descriptors"}
	noProxyHeader           = refusals.Kind{Message: "a connection without a PROXY header, or with a wrong one"}
	tlsFailed               = refusals.Kind{Message: "TLS handshake failed"}
)

const withoutTLS = "HTTP without TLS"

func statusKind(status string) refusals.Kind {
	return refusals.Kind{Message: "handshake refused", Key: "status", Of: status}
}

func visitorKind(status string) refusals.Kind {
	return refusals.Kind{Message: "request refused", Key: "status", Of: status}
}

func foreignKind(what string) refusals.Kind {
	return refusals.Kind{Message: "no request for this port", Key: "looks_like", Of: what}
}

func closeKind(code protocol.CloseCode) refusals.Kind {
	return refusals.Kind{Message: "connection closed", Key: "code", Of: closeLabel(code)}
}

// toldCodes are the close codes for what a client should not do, for what it may not do any more, and for one that does not keep up.
var toldCodes = []protocol.CloseCode{
	protocol.CloseProtocolError, protocol.CloseUnsupportedData, protocol.CloseInvalidData, protocol.CloseTooBig, protocol.CloseUnauthorized, protocol.CloseSlowConsumer, protocol.CloseTooMany,
}

// kinds are all kinds of refusals.
func (c *counters) kinds() []refusals.Kind {
	all := []refusals.Kind{notAccepted, pushedOutOfAll, pushedOutOfAddress, pushedOutForDescriptors, noProxyHeader, tlsFailed, foreignKind(withoutTLS)}
	for _, status := range c.refused.Values {
		all = append(all, statusKind(status), visitorKind(status))
	}
	for _, what := range handshake.Foreigners() {
		all = append(all, foreignKind(what))
	}
	for _, code := range toldCodes {
		all = append(all, closeKind(code))
	}
	return all
}
