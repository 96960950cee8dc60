package transport

import (
	"time"

	"golang.org/x/time/rate"

	"backbone/internal/domain/common"
	"backbone/internal/frame"
	"backbone/protocol"
)

// Limits bound what connections can do and how long they can take. The fields are those of
// config.Limits, which holds their flags and defaults and converts to this type.
type Limits struct {
	MaxRooms                 int           // rooms of one consumer
	MaxBadMessages           int           // bad messages in a row
	MaxMessageRate           int           // messages a second of one connection; 0: no limit
	MaxConnections           int           // open connections; 0: no limit
	MaxConnectionsPerAddress int           // open connections from one IP address; 0: no limit
	PingInterval             time.Duration // without a frame from the client before it is pinged
	PongTimeout              time.Duration // until an unanswered ping closes the connection
	WriteTimeout             time.Duration // without progress of a write before the connection is closed
	MaxAge                   time.Duration // that a consumer's reading may add to what it reads; 0: no bound
	SocketSendBuffer         int           // SO_SNDBUF, bytes; 0: the kernel tunes it
}

const (
	// controlRate is how many frames without text a client may send a second where messages have no limit.
	controlRate = 1000
	// minDelay is the shortest delay that is worth a wait; until then a sender runs ahead of its rate.
	minDelay = 10 * time.Millisecond
	// reassureEvery is how often a sender that is delayed hears that the server lives.
	reassureEvery = 5 * time.Second
	// standingEvery is how often a sender that is delayed is looked at for whether its credentials are still good.
	standingEvery = 500 * time.Millisecond
	// calm is how long a sender is read as it sends until its delays begin anew.
	calm = time.Second
)

// pace is the account of how fast a client sends. Messages and frames without text have one if
// messages have a limit. Or else it is of frames without text alone.
type pace struct { // owned by the ReadPump
	limiter *rate.Limiter
	past    int       // beyond the rate, less those within it
	heard   time.Time // since when the client, delayed, has not heard that the server lives
	delayed time.Time // the end of the last delay
}

// within counts one message or frame, and reports whether it is within the rate. A client that
// keeps to the rate makes up for what was past it.
func (p *pace) within() bool {
	if p.limiter.Allow() {
		p.past = max(p.past-1, 0)
		return true
	}
	p.past++
	return false
}

// withinRate counts a request, also a malformed one, against the limit of the connection. An
// ingestor's waits until it is within: a batch larger than the burst would lose the same events each
// time. That slows the ingestor, by TCP.
func (r *readSide) withinRate() bool {
	switch {
	case r.conn.server.opts.Limits.MaxMessageRate == 0:
		return true
	case r.conn.identity.Role != protocol.Ingestor:
		return r.pace.within()
	}
	if d := r.pace.limiter.Reserve().Delay(); d >= minDelay {
		r.publish()
		r.flushReplies()
		r.conn.server.stats.delayed.add(1)
		r.delay(d)
	}
	r.pace.past = max(r.pace.past-1, 0)
	return true
}

// delay waits, unless nobody is left to wait for. Whoever is delayed for long hears a pong now and
// then, as a sign of life.
func (r *readSide) delay(d time.Duration) {
	if now := time.Now(); now.Sub(r.pace.delayed) >= calm {
		r.pace.heard = now
	}
	defer func() { r.pace.delayed = time.Now() }()
	for end := time.Now().Add(d); d > 0; d = time.Until(end) {
		select {
		case <-time.After(min(d, reassureEvery, standingEvery)):
		case <-r.conn.over:
			return
		case <-r.conn.server.closing:
			return
		}
		if r.standing() != nil {
			return // which ends the connection
		}
		if now := time.Now(); now.Sub(r.pace.heard) >= reassureEvery {
			r.pace.heard = now
			r.handOver(appendControl(nil, frame.Pong, nil))
		}
	}
}

// reassure has the client hear a pong, unless it has replies to read. It does not wait for the client.
func (r *readSide) reassure() {
	select {
	case r.conn.replies <- appendControl(nil, frame.Pong, nil):
		r.notify()
	default:
	}
}

// pastRate refuses a request that is past the rate. It returns a *closeError when there were too
// many of them.
func (r *readSide) pastRate(id string, index int) error {
	r.refuse(common.Errorf(protocol.CodeRateLimited, "more than %d messages a second", r.conn.server.opts.Limits.MaxMessageRate), id, index)
	return r.bearPast()
}

// withoutText counts a frame that says nothing, such as a ping, as a message. Past the rate it is a
// bad one, which is not answered.
func (r *readSide) withoutText() error {
	if r.pace == nil {
		r.pace = &pace{limiter: rate.NewLimiter(controlRate, controlRate)}
	}
	if r.pace.within() {
		return nil
	}
	r.conn.server.stats.errors.count(string(protocol.CodeRateLimited))
	return r.bearPast()
}

func (r *readSide) bearPast() error {
	return r.bear(r.pace.past, "too many messages past the rate", protocol.CodeRateLimited)
}
