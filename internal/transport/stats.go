package transport

import (
	"strconv"
	"sync/atomic"

	"backbone/protocol"
)

// errorCodes are the codes that a refused request can get.
var errorCodes = [...]protocol.Code{
	protocol.CodeInvalidJSON, protocol.CodeInvalidEvent, protocol.CodeUnknownType, protocol.CodeUnknownField,
	protocol.CodeInvalidRoom, protocol.CodeNotJoined, protocol.CodeForbidden, protocol.CodeTooManyRooms,
	protocol.CodeTooManyInstruments, protocol.CodeRateLimited, protocol.CodeUnavailable,
}

// closeCodes are the codes of the close frames that the server sends by itself.
var closeCodes = [...]protocol.CloseCode{
	protocol.CloseNormal, protocol.CloseGoingAway, protocol.CloseProtocolError, protocol.CloseUnsupportedData,
	protocol.CloseInvalidData, protocol.CloseTooBig, protocol.CloseSlowConsumer, protocol.CloseTooMany,
}

// refusals are the HTTP statuses with which a handshake is refused.
var refusals = [...]int{400, 401, 403, 405, 426, 429, 503, 505}

// other is the label of what is in none of the lists above.
const other = "other"

// Stats count since start, but for the gauges.
type Stats struct {
	Consumers int64 // gauge: open connections
	Ingestors int64 // gauge: open connections

	Accepted uint64 // connections upgraded
	Messages uint64 // text messages received
	BytesIn  uint64 // their bytes
	Writes   uint64 // writes to sockets
	BytesOut uint64 // their bytes
	Stalled  uint64 // connections closed since the peer took no byte for the write time-out

	// Each holds all keys that can occur.
	Errors   map[string]uint64 // refused requests by code
	Closes   map[string]uint64 // close frames sent by code; other: codes that a peer closed with
	Refusals map[string]uint64 // failed handshakes by HTTP status; other: without an answer
}

// counters are written by all connections.
type counters struct {
	consumers, ingestors                 atomic.Int64
	accepted, messages, bytesIn, stalled atomic.Uint64

	errors   [len(errorCodes)]atomic.Uint64
	closes   [len(closeCodes) + 1]atomic.Uint64
	refusals [len(refusals) + 1]atomic.Uint64
}

// sent is what was written.
type sent struct{ writes, bytes atomic.Uint64 }

// open is the number of open connections of a role.
func (s *counters) open(r protocol.Role) *atomic.Int64 {
	if r == protocol.Consumer {
		return &s.consumers
	}
	return &s.ingestors
}

func (s *counters) refused(code protocol.Code) { s.errors[mustIndex(errorCodes[:], code)].Add(1) }

func (s *counters) closed(code protocol.CloseCode) { s.closes[index(closeCodes[:], code)].Add(1) }

func (s *counters) handshakeFailed(status int) { s.refusals[index(refusals[:], status)].Add(1) }

// index is the position of v in list, or one past its end.
func index[T comparable](list []T, v T) int {
	for i := range list {
		if list[i] == v {
			return i
		}
	}
	return len(list)
}

func mustIndex(list []protocol.Code, code protocol.Code) int {
	i := index(list, code)
	if i == len(list) {
		panic("transport: an error code that is not counted: " + string(code))
	}
	return i
}

func (s *Stats) add(n *sent) {
	s.Writes += n.writes.Load()
	s.BytesOut += n.bytes.Load()
}

func (s *counters) snapshot() Stats {
	out := Stats{
		Consumers: s.consumers.Load(), Ingestors: s.ingestors.Load(),
		Accepted: s.accepted.Load(), Messages: s.messages.Load(), BytesIn: s.bytesIn.Load(),
		Stalled:  s.stalled.Load(),
		Errors:   make(map[string]uint64, len(s.errors)),
		Closes:   make(map[string]uint64, len(s.closes)),
		Refusals: make(map[string]uint64, len(s.refusals)),
	}
	for i, code := range errorCodes {
		out.Errors[string(code)] = s.errors[i].Load()
	}
	for i, code := range closeCodes {
		out.Closes[strconv.Itoa(int(code))] = s.closes[i].Load()
	}
	out.Closes[other] = s.closes[len(closeCodes)].Load()
	for i, status := range refusals {
		out.Refusals[strconv.Itoa(status)] = s.refusals[i].Load()
	}
	out.Refusals[other] = s.refusals[len(refusals)].Load()
	return out
}
