package feed

import "strconv"

// Requests are subscriptions that the exchange answers by their id, for many symbols each. A
// batch that fails as a whole is asked for again, one by one. A session owns its Requests.
type Requests struct {
	frame   func(id int, symbols []string) Frame
	last    int              // id
	waiting map[int][]string // symbols by id
}

// NewRequests returns Requests whose frames are made by frame.
func NewRequests(frame func(id int, symbols []string) Frame) *Requests {
	return &Requests{frame: frame, waiting: map[int][]string{}}
}

// Ask returns frames that ask for symbols, at most size in each.
func (r *Requests) Ask(symbols []string, size int) (frames []Frame) {
	Batches(symbols, size, func(batch []string) {
		r.last++
		r.waiting[r.last] = batch
		frames = append(frames, r.frame(r.last, batch))
	})
	return frames
}

// Granted says that the request was granted. An id that is none of a request is left out.
func (r *Requests) Granted(id Scalar, out *Events) {
	out.Alive()
	out.Ack(r.take(id)...)
}

// Partly says that the request was granted for those of its symbols for which granted returns true.
func (r *Requests) Partly(id Scalar, why string, out *Events, granted func(symbol string) bool) {
	out.Alive()
	for _, symbol := range r.take(id) {
		if granted(symbol) {
			out.Ack(symbol)
		} else {
			out.Reject(symbol, why)
		}
	}
}

// Failed says that the request failed.
func (r *Requests) Failed(id Scalar, why string, out *Events) {
	out.Alive()
	switch symbols := r.take(id); len(symbols) {
	case 0:
		out.Drop(Unknown, why)
	case 1:
		out.Reject(symbols[0], why)
	default:
		out.Send(r.Ask(symbols, 1)...)
	}
}

func (r *Requests) take(id Scalar) []string {
	n, err := strconv.Atoi(id.Text())
	if err != nil {
		return nil
	}
	symbols := r.waiting[n]
	delete(r.waiting, n)
	return symbols
}
