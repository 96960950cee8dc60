package load

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"backbone/client"
)

// Options say what Run does and which servers it uses.
type Options struct {
	Shape

	PublishTo   string         // URL of the instance that events are published to
	ConsumeFrom []string       // URLs of the instances that consumers connect to, by turns; none: PublishTo
	Client      client.Options // how connections are made; its APIKey is sent by the publisher alone
	ConsumerKey string         // that consumers send in place of a token of Client; "": none

	ServerPID int          // process whose use of the machine is measured; 0: none
	Abort     <-chan error // an error from it ends the run, which fails with it; may be nil

	// Progress is called each ProgressEvery while the run goes on, and must return soon. Its
	// calls come one at a time, from a goroutine of the run. It may be nil.
	Progress      func(Progress)
	ProgressEvery time.Duration
}

// Shape is the form of the load. Each number must be within the bounds that its comment
// states: Run does not check them.
type Shape struct {
	Consumers     int           // at least 1
	Rooms         int           // at least 1; each event goes to one of them, chosen at random
	Joins         int           // rooms that each consumer joins, from 1 to Rooms
	Rate          float64       // events a second over all rooms; 0: as fast as the server accepts them
	Burst         int           // events that are due at the same moment, at least 1
	Batch         bool          // a burst is sent as one message
	Slow          Share         // of the consumers: they read slowly
	SlowRate      float64       // events a second that a slow consumer reads, above 0
	Stalled       Share         // of the consumers: they join and never read; Slow+Stalled is at most 1
	ReceiveBuffer int           // of a consumer's socket, bytes; -1: the system's own choice
	SlowReaders   int           // further consumers whose connections are read at ReadRate
	ReadRate      ByteRate      // of each slow reader, above 0
	Storm         int           // further consumers that all connect and join halfway through, concurrently
	Seed          uint64        // chooses the rooms of events and the slow consumers
	For           time.Duration // length of the measurement, above 0
	Warmup        time.Duration // of publishing before the measurement, at least 0
	Drain         time.Duration // longest wait in the end for what is on its way, above 0
}

// Share is a part of a whole, from 0 to 1.
type Share float64

// UnmarshalText reads 10% or 0.1.
func (s *Share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("expected a share from 0%% to 100%%, not %q", text)
	}
	*s = Share(v)
	return nil
}

func (s Share) String() string { return strconv.FormatFloat(float64(s)*100, 'g', 4, 64) + "%" }

// of is the share of n, rounded.
func (s Share) of(n int) int { return int(float64(s)*float64(n) + 0.5) }
