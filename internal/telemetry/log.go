// Package telemetry has the log and the metrics of an instance. Nothing in it
// is global, so instances in one process do not mix.
package telemetry

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
)

// LogOptions say what is logged and how.
type LogOptions struct {
	Level    string // debug, info, warn or error; empty is info
	Format   string // text, json, or auto: text on a terminal, JSON lines elsewhere; empty is auto
	Terminal bool   // the writer is a terminal, see [IsTerminal]
	NoColor  bool   // no colours, even on a terminal
	Instance string // name of the instance, which each JSON line then ends with; empty: none

	Var *slog.LevelVar // is set to Level, and holds from then on; nil: the level stays
}

// NewLogger returns a logger that writes each entry to w as one line. A [Sink] tells what it
// has dropped as an entry of the same format.
func NewLogger(w io.Writer, o LogOptions) (*slog.Logger, error) {
	level := o.Var
	if level == nil {
		level = new(slog.LevelVar)
	}
	if o.Level != "" {
		if err := level.UnmarshalText([]byte(o.Level)); err != nil {
			return nil, fmt.Errorf("log level: expected debug, info, warn or error, not %q", o.Level)
		}
	}
	lines := !o.Terminal
	switch o.Format {
	case "", "auto":
	case "text":
		lines = false
	case "json":
		lines = true
	default:
		return nil, fmt.Errorf("log format: expected auto, text or json, not %q", o.Format)
	}
	handler := func(w io.Writer) slog.Handler {
		if lines {
			return ending(o.Instance, slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: readable}))
		}
		return tint.NewTextHandler(w, &tint.Options{
			Level:      level,
			TimeFormat: "15:04:05.000",
			NoColor:    o.NoColor || !o.Terminal,
		})
	}
	if sink, ok := w.(*Sink); ok {
		direct := slog.New(handler(sink.w))
		sink.tellWith(func(n uint64) {
			direct.Warn("log entries are missing: nobody read them in time", "missing", n)
		})
	}
	return slog.New(handler(w)), nil
}

// instance is a handler whose entries end with the name of the instance.
type instance struct {
	slog.Handler
	name string
}

func ending(name string, h slog.Handler) slog.Handler {
	if name == "" {
		return h
	}
	return instance{h, name}
}

func (h instance) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	r.AddAttrs(slog.String("instance_name", h.name))
	return h.Handler.Handle(ctx, r)
}

func (h instance) WithAttrs(attrs []slog.Attr) slog.Handler {
	return instance{h.Handler.WithAttrs(attrs), h.name}
}

func (h instance) WithGroup(name string) slog.Handler {
	return instance{h.Handler.WithGroup(name), h.name}
}

// readable writes what has a text of its own as that text, as the other format does: slog's JSON
// has a duration as bare nanoseconds, and an address as its fields.
func readable(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case time.Time, slog.Level, *slog.Source: // slog's own
	case json.Marshaler, encoding.TextMarshaler, error:
	case fmt.Stringer: // a duration too
		a.Value = slog.StringValue(fmt.Sprint(v)) // which bears what String cannot, such as nil
	}
	return a
}

// IsTerminal reports whether w is a terminal, or writes to one.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}
