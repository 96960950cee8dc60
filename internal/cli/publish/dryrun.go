package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/config"
	"backbone/internal/domain/common"
	"backbone/internal/domain/trading"
	"backbone/internal/human"
	"backbone/protocol"
)

// dryRun checks all lines as a server would, and connects to none.
func (c *Cmd) dryRun(ctx context.Context, s cli.Streams, lines source) error {
	p := newPublication(c, s)
	decoder := common.NewDecoder()
	good := 0
	for ctx.Err() == nil {
		u, err := lines.next()
		where := lines.at()
		switch wrong := new(lineError); {
		case errors.Is(err, io.EOF):
			return p.checked(good, where.passed)
		case errors.As(err, &wrong):
			p.because(wrong.code)
			p.complain("%s", wrong.Error())
			continue
		case errors.As(err, new(*config.Error)):
			return err
		case err != nil:
			return fmt.Errorf("line %d: reading: %w", where.line+1, err)
		}
		if err := verdict(decoder, u); err != nil {
			p.because(err.Code)
			p.complain("line %d: %s: %s", where.line, err.Code, err.Message)
			continue
		}
		good++
	}
	return p.checked(good, lines.at().passed)
}

// verdict is what a server would answer to a price; nil if it takes it.
func verdict(decoder *common.Decoder, u client.PriceUpdate) *common.RequestError {
	event := protocol.ServerMessage{Type: protocol.TypePriceUpdate, Instrument: u.Instrument, Price: json.Number(u.Price), TS: &u.TS, Data: u.Data}
	obj, err := decoder.Object(event.Append(nil))
	if err == nil {
		_, err = trading.PriceUpdate{}.Validate(obj)
	}
	if err == nil {
		return nil
	}
	if wrong, is := errors.AsType[*common.RequestError](err); is {
		return wrong
	}
	return &common.RequestError{Code: protocol.CodeInvalidJSON, Message: err.Error()}
}

// checked says what was found.
func (p *publication) checked(good, passed int) error {
	p.countUnsaid()
	more := ""
	if passed > 0 {
		more = ", passed over " + human.Group(passed)
	}
	p.Say("would send %s, rejected %s%s", human.Group(good), human.Group(p.rejected), more)
	if p.rejected > 0 {
		return cli.Failf(cli.ExitRejected, "%s of the events would be rejected: %s", human.Group(p.rejected), p.whyRejected())
	}
	return nil
}
