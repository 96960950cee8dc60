package transport

import (
	"time"

	"backbone/internal/domain/common"
	"backbone/internal/frame"
	"backbone/internal/rates"
	"backbone/protocol"
)

// Limits bound what connections can do and how long they can take. The fields are those of
// config.Limits, which holds their flags and defaults and converts to this type. A rate of zero, and a
// number of zero, is no limit, except for MaxRooms and MaxBadMessages.
type Limits struct {
	MaxRooms                 int           // rooms of one consumer
	MaxRoomsTotal            int           // rooms with members
	MaxJoinRate              rates.Rate    // rooms that one consumer joins; more are delayed
	MaxBadMessages           int           // bad messages of one connection in a minute
	MaxMessageRate           rates.Rate    // messages of one consumer; more are refused
	MaxMessageByteRate       rates.Rate    // bytes of one consumer; more are delayed
	MaxChatRate              rates.Rate    // chat messages of one consumer; more are refused
	MaxIngestRate            rates.Rate    // events of one ingestor; more are delayed
	MaxIngestByteRate        rates.Rate    // bytes of one ingestor; more are delayed
	MaxConnections           int           // open connections
	MaxConnectionsPerAddress int           // open connections from one IP address
	MaxConnectionRate        rates.Rate    // WebSockets opened; more are refused
	HandshakeTimeout         time.Duration // for the request of a new connection, and again for the answer
	PingInterval             time.Duration // without a frame from the client before it is pinged
	PongTimeout              time.Duration // until an unanswered ping closes the connection
	WriteTimeout             time.Duration // without progress of a write before the connection is closed
	MaxAge                   time.Duration // that a consumer's reading may add to what it reads; 0: no bound
	SocketSendBuffer         int           // SO_SNDBUF, bytes; 0: the kernel tunes it
}

// The limits, as the metric limited_total names them.
const (
	limitRooms       = "rooms"
	limitRoomsTotal  = "rooms_total"
	limitJoinRate    = "join_rate"
	limitLooks       = "room_lists"
	limitBad         = "bad_messages"
	limitMessageRate = "message_rate"
	limitBytes       = "message_byte_rate"
	limitChatRate    = "chat_rate"
	limitIngestRate  = "ingest_rate"
	limitIngestBytes = "ingest_byte_rate"
	limitConnections = "connections"
	limitPerAddress  = "connections_per_address"
	limitOpens       = "connection_rate"
	limitHandshake   = "handshake_timeout"
	limitMemory      = "memory"
)

const (
	// controlRate is how many frames without text a client may send a second where messages have no limit.
	controlRate = 1000
	// minDelay is the shortest delay that is worth a wait; until then a sender runs ahead of its rate.
	minDelay = 10 * time.Millisecond
	// reassureEvery is how often a sender that is delayed hears that the server lives.
	reassureEvery = 5 * time.Second
	// standingEvery is how often a sender that is delayed is looked at for whether its credentials are still good.
	standingEvery = 500 * time.Millisecond
	// looksPerSecond bounds the work for a consumer that asks which rooms there are, and looksAtOnce what is done
	// of it without delay: in rooms that were looked at, of 0.03 µs each. One that is told costs perTold of them.
	looksPerSecond = 4_000_000
	looksAtOnce    = 2 * looksPerSecond
	perTold        = 10
	// calm is how long a sender is read as it sends until its delays begin anew.
	calm = time.Second
)

// pace is the account of what a client sends. A bucket is nil where there is no limit.
type pace struct { // owned by the ReadPump
	messages *rates.Bucket // messages and frames without text, or if messages have no limit the latter alone
	bytes    *rates.Bucket
	joins    *rates.Bucket // rooms
	looks    *rates.Bucket // rooms that were looked at for it
	chat     *rates.Bucket
	bad      *rates.Bucket // bad messages

	heard   time.Time // since when the client, delayed, has not heard that the server lives
	delayed time.Time // the end of the last delay
}

// ofRole are the rates of the messages and the bytes of a role.
func (l *Limits) ofRole(role protocol.Role) (messages, bytes rates.Rate) {
	if role == protocol.Ingestor {
		return l.MaxIngestRate, l.MaxIngestByteRate
	}
	return l.MaxMessageRate, l.MaxMessageByteRate
}

// delays reports whether a limit may delay a client of a role.
func (l *Limits) delays(role protocol.Role) bool {
	messages, bytes := l.ofRole(role)
	return messages.Limits() || bytes.Limits() || role == protocol.Consumer && l.MaxJoinRate.Limits()
}

// account returns the account of the client, which most need only once they send too much.
func (r *readSide) account() *pace {
	if r.pace == nil {
		l := &r.conn.server.opts.Limits
		messages, bytes := l.ofRole(r.conn.identity.Role)
		if !messages.Limits() {
			messages = rates.Rate{PerSecond: controlRate, Burst: controlRate}
		}
		r.pace = &pace{
			messages: messages.Bucket(), bytes: bytes.Bucket(), joins: l.MaxJoinRate.Bucket(), chat: l.MaxChatRate.Bucket(),
			looks: rates.Rate{PerSecond: looksPerSecond, Burst: looksAtOnce}.Bucket(),
			bad:   rates.PerMinute(l.MaxBadMessages - 1),
		}
	}
	return r.pace
}

// withinRate counts a request, also a malformed one, against the limit of the connection. An
// ingestor's waits until it is within: a batch larger than the burst would lose the same events each
// time. That slows the ingestor, by TCP.
func (r *readSide) withinRate() bool {
	role := r.conn.identity.Role
	switch limit, _ := r.conn.server.opts.Limits.ofRole(role); {
	case !limit.Limits():
		return true
	case role != protocol.Ingestor:
		return r.account().messages.Allow()
	}
	if d := r.account().messages.Take(1); d >= minDelay {
		r.count()
		r.publish()
		r.flushReplies()
		r.delay(d, limitIngestRate)
	}
	return true
}

// payForBytes waits until the limit of bytes has room for what was read.
func (r *readSide) payForBytes(n int) {
	_, limit := r.conn.server.opts.Limits.ofRole(r.conn.identity.Role)
	if !limit.Limits() {
		return
	}
	if d := r.account().bytes.Take(n); d >= minDelay {
		which := limitBytes
		if r.conn.identity.Role == protocol.Ingestor {
			which = limitIngestBytes
		}
		r.delay(d, which)
		r.restartWait() // it was not the client that was waited for
	}
}

// payForRooms waits until the limits have room for a join: that of messages, for which it counts as one
// for each roomsPerMessage of its rooms, of which the first was counted before, and as a second's messages
// at most; and that of rooms.
func (r *readSide) payForRooms(rooms int) {
	wait, limit := r.chargeRooms(rooms), limitJoinRate
	if more := min((rooms-1)/roomsPerMessage, r.conn.server.opts.Limits.MaxMessageRate.PerSecond); more > 0 {
		if d := r.account().messages.Take(more); d > wait {
			wait, limit = d, limitMessageRate
		}
	}
	if wait > 0 {
		r.flushReplies()
		r.delay(wait, limit)
	}
}

// chargeRooms returns how long it takes until the limit of rooms has room for some.
func (r *readSide) chargeRooms(rooms int) time.Duration {
	if !r.conn.server.opts.Limits.MaxJoinRate.Limits() {
		return 0
	}
	if d := r.account().joins.Take(rooms); d >= minDelay {
		return d
	}
	return 0
}

// payForLook waits until the limit of looks has room for the last one.
func (r *readSide) payForLook(wait time.Duration) {
	if wait >= minDelay {
		r.flushReplies()
		r.delay(wait, limitLooks)
	}
}

// limited counts that a limit delays the client.
func (r *readSide) limited(limit string) {
	r.conn.server.stats.delayed.add(1)
	r.conn.server.stats.limited.count(limit)
}

// delay waits, unless nobody is left to wait for. Whoever is delayed for long hears a pong now and
// then, as a sign of life. limit is why.
func (r *readSide) delay(d time.Duration, limit string) {
	r.limited(limit)
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
			r.reassure()
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
	r.conn.server.stats.limited.count(limitMessageRate)
	return r.bear(reasonPast, r.refuse(common.Errorf(protocol.CodeRateLimited, "more than %d messages a second", r.conn.server.opts.Limits.MaxMessageRate.PerSecond), id, index))
}

// withoutText counts a frame that says nothing, such as a ping, as a message. Past the rate it is a
// bad one, which is not answered.
func (r *readSide) withoutText() error {
	if r.account().messages.Allow() {
		return nil
	}
	r.conn.server.stats.errors.count(string(protocol.CodeRateLimited))
	return r.bear(reasonPast, protocol.CodeRateLimited)
}

// Why a connection is closed with 4429.
const (
	reasonBad  = "too many bad messages in a minute"
	reasonPast = "too many messages past the rate"
)

// bear counts a bad message. It returns a *closeError for the reason if that is one too many.
func (r *readSide) bear(reason string, last protocol.Code) error {
	if r.account().bad.Allow() {
		return nil
	}
	r.conn.server.stats.limited.count(limitBad)
	return &closeError{code: protocol.CloseTooMany, reason: reason, last: last}
}

// mayTalk counts a message of a consumer to others. It returns a *common.RequestError past the rate.
func (r *readSide) mayTalk() error {
	if r.conn.identity.Role != protocol.Consumer || !r.conn.server.opts.Limits.MaxChatRate.Limits() || r.account().chat.Allow() {
		return nil
	}
	r.conn.server.stats.limited.count(limitChatRate)
	return common.Errorf(protocol.CodeRateLimited, "type: more than %d messages to others a second", r.conn.server.opts.Limits.MaxChatRate.PerSecond)
}
