package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/protocol"
)

// Each event of --retry is counted once, whatever becomes of it when it is sent again, and whenever its answer
// comes: acked, rejected, left out or lost.
func TestRetryCountsEachEventOnce(t *testing.T) {
	lost := fmt.Errorf("the wire is cut: %w", client.ErrConnectionLost)
	wrong := &client.RequestError{Code: protocol.CodeInvalidEvent, Index: -1}
	const none = "acked 0, rejected 0, left out 0, lost 0"
	for name, c := range map[string]struct {
		first, again error // the answers; notSent: it is not sent again
		over         bool  // the publication has ended before the first answer
		want         string
	}{
		"acked, and not sent again":       {nil, errNotSent, false, "acked 1, rejected 0, left out 0, lost 0"},
		"acked twice":                     {nil, nil, false, "acked 1, rejected 0, left out 0, lost 0"},
		"acked, then lost":                {nil, lost, false, "acked 1, rejected 0, left out 0, lost 0"},
		"acked, then rejected":            {nil, wrong, false, "acked 1, rejected 0, left out 0, lost 0"},
		"rejected twice":                  {wrong, wrong, false, "acked 0, rejected 1, left out 0, lost 0"},
		"lost, then acked":                {lost, nil, false, "acked 1, rejected 0, left out 0, lost 0"},
		"lost, and not sent again":        {lost, errNotSent, false, "acked 0, rejected 0, left out 0, lost 1"},
		"lost twice":                      {lost, lost, false, "acked 0, rejected 0, left out 0, lost 1"},
		"left out at the end":             {client.ErrLeftOut, errNotSent, true, "acked 0, rejected 0, left out 1, lost 0"},
		"lost at the end":                 {lost, errNotSent, true, "acked 0, rejected 0, left out 0, lost 1"},
		"acked at the end":                {nil, errNotSent, true, "acked 1, rejected 0, left out 0, lost 0"},
		"left out, and then never again":  {client.ErrLeftOut, client.ErrLeftOut, false, "acked 0, rejected 0, left out 0, lost 1"},
		"rejected, and then it was acked": {wrong, nil, false, "acked 0, rejected 1, left out 0, lost 0"},
	} {
		t.Run(name, func(t *testing.T) {
			life, end := context.WithCancel(t.Context())
			defer end()
			p := newPublication(&Cmd{Ack: true, Retry: true}, cli.Streams{Out: io.Discard, Err: io.Discard})
			answer := func(in input, err error) {
				p.judge(life, report{line: 1, in: in, pending: new(client.Pending)}, err)
			}
			in := input{seq: 1, where: position{line: 1}}
			p.losses.Add(1)
			p.mayOvertake(in) // it was sent while the connection was lost
			if c.over {
				end()
			}
			answer(in, c.first)
			if !errors.Is(c.again, errNotSent) {
				p.collect()
				p.order()
				if len(p.back) != 1 {
					t.Fatalf("%d are sent again", len(p.back))
				}
				in, p.back = p.back[0], nil
				answer(in, c.again)
			}
			p.abandon()
			if got := fmt.Sprintf("acked %d, rejected %d, left out %d, lost %d", p.acked, p.rejected, p.leftOut, p.lost); got != c.want || got == none {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

var errNotSent = errors.New("not sent again")
