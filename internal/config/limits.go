package config

import (
	"fmt"
	"reflect"
	"strconv"
	"time"
	"unicode"

	"backbone/internal/rates"
)

// Limits bound what connections can do and how long they can take. The fields are those of
// transport.Limits, so that one converts to the other; their tags are flags of "backbone serve".
//
// A tag min is the least value that a field can have. orzero allows 0 too, where min is higher.
type Limits struct {
	MaxRooms                 int           `group:"Limits" default:"10000" min:"1" help:"Rooms that one consumer may be in."`
	MaxRoomsTotal            int           `group:"Limits" default:"0" min:"0" help:"Rooms that have members. 0: no limit."`
	MaxJoinRate              rates.Rate    `group:"Limits" default:"0" placeholder:"RATE[/BURST]" help:"Rooms a second that one consumer may join, and with a burst, as in 1000/5000, how many at once. Larger joins are delayed. 0: no limit."`
	MaxBadMessages           int           `group:"Limits" default:"1000" min:"1" help:"Bad messages in a minute after which a connection is closed."`
	MaxMessageRate           rates.Rate    `group:"Limits" default:"0" placeholder:"RATE[/BURST]" help:"Messages a second that one consumer may send; more are refused. 0: no limit."`
	MaxMessageByteRate       rates.Rate    `group:"Limits" default:"0" placeholder:"RATE[/BURST]" help:"Bytes a second that one consumer may send; more are delayed. 0: no limit."`
	MaxChatRate              rates.Rate    `group:"Limits" default:"10/50" placeholder:"RATE[/BURST]" help:"Chat messages a second that one consumer may send; more are refused. 0: no limit."`
	MaxIngestRate            rates.Rate    `group:"Limits" default:"0" placeholder:"RATE[/BURST]" help:"Events a second that one ingestor may send; more are delayed. 0: no limit."`
	MaxIngestByteRate        rates.Rate    `group:"Limits" default:"0" placeholder:"RATE[/BURST]" help:"Bytes a second that one ingestor may send; more are delayed. 0: no limit."`
	MaxConnections           int           `group:"Limits" default:"0" min:"0" help:"Open connections. 0: no limit."`
	MaxConnectionsPerAddress int           `group:"Limits" default:"0" min:"0" help:"Open connections from one IP address. 0: no limit."`
	MaxConnectionRate        rates.Rate    `group:"Limits" default:"0" placeholder:"RATE[/BURST]" help:"WebSockets a second that may be opened; more are refused with 503. 0: no limit."`
	HandshakeTimeout         time.Duration `group:"Limits" default:"10s" min:"1ms" help:"A new connection that has not sent its request in this time is closed."`
	PingInterval             time.Duration `group:"Limits" default:"25s" min:"1ms" help:"A client that has sent nothing for this time is pinged."`
	PongTimeout              time.Duration `group:"Limits" default:"10s" min:"1ms" help:"A client that leaves a ping unanswered for this time is closed."`
	WriteTimeout             time.Duration `group:"Limits" default:"10s" min:"1ms" help:"A client that accepts no byte for this time is closed."`
	MaxAge                   time.Duration `group:"Limits" default:"500ms" min:"10ms" orzero:"" help:"How old a price may grow on its way to a consumer that reads slowly. Past this age the consumer gets only the newest prices. 0: no bound."`
	SocketSendBuffer         int           `group:"Limits" default:"0" min:"0" help:"Kernel send buffer of each connection (SO_SNDBUF). It caps the throughput to distant consumers. 0 lets the kernel tune it."`
}

// checkMinima checks the fields of a struct that have a tag min.
func checkMinima(s reflect.Value) error {
	for i := range s.NumField() {
		field, value := s.Type().Field(i), s.Field(i)
		if field.Anonymous {
			if err := checkMinima(value); err != nil {
				return err
			}
		} else if r, ok := value.Interface().(rates.Rate); ok && !r.Valid() {
			return Errorf(flagName(field), "must be 0, or a rate and a burst of at least 1, not %v", r)
		} else if least, ok := field.Tag.Lookup("min"); ok {
			_, orZero := field.Tag.Lookup("orzero")
			if err := checkMinimum(flagName(field), value, least, orZero); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkMinimum refuses a value of a flag below the least one; orZero: unless it is 0.
func checkMinimum(flag string, value reflect.Value, least string, orZero bool) error {
	var low bool
	if d, ok := value.Interface().(time.Duration); ok {
		bound, err := time.ParseDuration(least)
		low = d < bound
		mustParse(flag, err)
	} else {
		bound, err := strconv.ParseInt(least, 10, 64)
		low = value.Int() < bound
		mustParse(flag, err)
	}
	switch {
	case !low, orZero && value.IsZero():
		return nil
	case orZero:
		least = "0 or at least " + least
	default:
		least = "at least " + least
	}
	return Errorf(flag, "must be %s, not %v", least, value)
}

func mustParse(flag string, err error) {
	if err != nil {
		panic(fmt.Sprintf("config: the tag min of %s: %v", flag, err))
	}
}

// flagName is the name that kong gives the flag of a field.
func flagName(field reflect.StructField) string {
	if name, ok := field.Tag.Lookup("name"); ok {
		return name
	}
	var name []rune
	for i, r := range field.Name {
		if unicode.IsUpper(r) && i > 0 {
			name = append(name, '-')
		}
		name = append(name, unicode.ToLower(r))
	}
	return string(name)
}
