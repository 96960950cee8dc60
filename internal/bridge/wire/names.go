package wire

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"backbone/internal/partition"
)

// Names are the keys and channels in Redis. The channel and the keys of a partition share
// its hash tag, so a cluster keeps them on one master.
type Names struct {
	Prefix   string // of all of them
	Database int    // of Redis, which keeps keys apart by it, but not channels
}

// channel is the name of a channel. That of a database has its number, so that instances of another
// one do not hear it. No prefix makes it equal to that of another backbone.
func (n Names) channel(name string) string {
	if n.Database == 0 {
		return n.Prefix + name
	}
	return n.Prefix + name + "/" + strconv.Itoa(n.Database)
}

func tagged(p int) string { return "{" + partition.Tag(p) + "}" }

// Events is the channel of a partition.
func (n Names) Events(p int) string { return n.channel("events:" + tagged(p)) }

// Last is the key of a room's newest value of a type.
func (n Names) Last(typ, room string) string { return string(n.AppendLast(nil, typ, room)) }

// AppendLast appends what Last returns.
func (n Names) AppendLast(b []byte, typ, room string) []byte {
	b = append(append(b, n.Prefix...), "last:{"...)
	b = append(append(b, partition.Tag(partition.Of(room))...), "}:"...)
	return append(append(append(b, typ...), ':'), room...)
}

// NoLast is a key among the newest values of a partition that never exists, because it names
// neither a type nor a room.
func (n Names) NoLast(p int) string { return n.Prefix + "last:" + tagged(p) + ":" }

// Heartbeat is the channel of heartbeats. The channel of one master of a cluster carries the
// tag of the master's lowest partition, so that all instances use the same channel.
func (n Names) Heartbeat(bySlot bool, held partition.Set) string {
	if !bySlot {
		return n.channel("heartbeat")
	}
	return n.channel("heartbeat:" + tagged(held.First()))
}

// AllEvents is the channel of all partitions together, where one server has all of them.
func (n Names) AllEvents() string { return n.channel("events") }

// Channels maps the channels of a master that has partitions to those that they carry.
func (n Names) Channels(bySlot bool, of partition.Set) map[string]partition.Set {
	m := make(map[string]partition.Set, of.Len()+1)
	for p := range of.Each() {
		m[n.Events(p)] = partition.Only(p)
	}
	if !bySlot {
		m[n.AllEvents()] = of
	}
	return m
}

// ValidName reports whether s can be an instance id or a type, which keys and envelopes hold
// unquoted: 1 to 64 of A-Z a-z 0-9 _ . -
func ValidName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return true
}

// PlainRoom reports whether s is 1 to 128 bytes of UTF-8 that envelopes hold unescaped.
func PlainRoom(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c == '"', c == '\\', c == 0x7f:
			return false
		case c > 0x7f:
			return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r == '"' || r == '\\' || unicode.IsControl(r) })
		}
	}
	return true
}
