package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"backbone/internal/feed"
)

// life is one connection. A reader and a writer work for the keeper, which owns all else.
type life struct {
	ws     *websocket.Conn
	pace   *rate.Limiter      // of what is sent; it has its own locks
	frames chan input         // from the reader
	free   chan []byte        // buffers, back to the reader
	out    chan []feed.Frame  // to the writer
	urgent chan []feed.Frame  // to the writer, and sent before what waits in out
	end    context.CancelFunc // ends both
	both   sync.WaitGroup

	// Of the keeper:
	session feed.Session
	waiting map[string]bool // symbols that are neither acked nor refused, and brought nothing
	born    time.Time
	heard   time.Time // when the last frame came
	settled time.Time // when waiting became empty; zero: not yet
	data    bool      // a price came
	replace time.Time // when it is to be replaced; zero: never
	told    bool      // its end was announced, or is planned
}

// input is what a reader has: a frame, a ping, or the error that ends it.
type input struct {
	op   feed.Opcode
	data []byte
	ping bool
	err  error
}

// begin starts the reader and the writer.
func (l *life) begin(ctx context.Context, now time.Time) {
	ctx, l.end = context.WithCancel(ctx)
	l.born, l.heard = now, now
	l.both.Go(func() { l.read(ctx) })
	l.both.Go(func() { l.write(ctx) })
}

// close ends the life, and returns when nothing of it is left. It says no goodbye, for which it
// would have to wait.
func (l *life) close() {
	l.end()
	_ = l.ws.CloseNow() // nobody waits for its answer
	l.both.Wait()
}

// read hands frames to the keeper until the connection ends.
func (l *life) read(ctx context.Context) {
	for {
		op, data, err := l.next(ctx)
		select {
		case l.frames <- input{op: op, data: data, err: err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// next reads a frame into a buffer that the keeper gives back.
func (l *life) next(ctx context.Context) (feed.Opcode, []byte, error) {
	kind, r, err := l.ws.Reader(ctx)
	if err != nil {
		return 0, nil, err
	}
	var data []byte
	select {
	case data = <-l.free:
	default:
		data = make([]byte, 0, 512)
	}
	for data = data[:0]; ; {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, nil, err
		}
	}
	op := feed.Text
	if kind == websocket.MessageBinary {
		op = feed.Binary
	}
	return op, data, nil
}

// largestKept bounds the buffers that are used again.
const largestKept = 64 << 10

// release gives a buffer back.
func (l *life) release(data []byte) {
	if cap(data) > largestKept {
		return
	}
	select {
	case l.free <- data:
	default:
	}
}

// write sends what the keeper asks for, no faster than the exchange allows.
func (l *life) write(ctx context.Context) {
	var queue []feed.Frame
	send := func(f feed.Frame) bool {
		if l.pace.Wait(ctx) != nil {
			return false
		}
		kind := websocket.MessageText
		if f.Op == feed.Binary {
			kind = websocket.MessageBinary
		}
		limited, cancel := context.WithTimeout(ctx, writeTimeout)
		defer cancel()
		return l.ws.Write(limited, kind, f.Data) == nil // the reader reports that the connection ended
	}
	for {
		var frames []feed.Frame
		if len(queue) == 0 {
			select {
			case frames = <-l.urgent:
			case queue = <-l.out:
			case <-ctx.Done():
				return
			}
		} else {
			select {
			case frames = <-l.urgent:
			default:
				frames, queue = queue[:1], queue[1:]
			}
		}
		for _, f := range frames {
			if !send(f) {
				_ = l.ws.CloseNow() // ends the reader too
				return
			}
		}
	}
}

const writeTimeout = 10 * time.Second

// send asks the writer to send. It returns false if too much waits already.
func (l *life) send(to chan []feed.Frame, frames []feed.Frame) bool {
	if len(frames) == 0 {
		return true
	}
	select {
	case to <- frames:
		return true
	default:
		return false
	}
}

// why is the reason of an error of the reader, and its text.
func why(err error) (feed.Reason, string) {
	if errors.Is(err, websocket.ErrMessageTooBig) {
		return feed.TooLarge, fmt.Sprintf("a message of more than %d bytes came", feed.MaxFrame)
	}
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		text := fmt.Sprintf("code %d", closed.Code)
		if closed.Reason != "" {
			text += ": " + feed.Quote(closed.Reason)
		}
		return feed.Closed, text
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return feed.Lost, "the connection ended"
	}
	return feed.Lost, feed.Clip(err.Error())
}
