package hub

import "time"

// Segment is a run of consecutive frames of one room, or one fixed frame. It is immutable
// and shared by all clients that get it.
type Segment struct {
	Data []byte // complete WebSocket frames

	slot   *slot      // only the last frame counts, until a later segment of the slot comes; nil: every frame counts
	ends   []*traffic // of the reply to a leave: the rooms whose conflated frames are no longer of interest
	live   uint64     // live events in Data
	missed uint64     // live events that notices in Data report as left out
	alone  *Segment   // the last frame by itself, made when a lagging client first needs it
	newest int32      // offset of the last frame in Data
	last   uint8      // 1 if the last frame is a live event of a slot, else 0
	pulled bool       // what a pull brought: it counts for no bound, because at most one waits

	messages *messages // nil: the frames are no messages

	born time.Duration // of the last event in Data, as BroadcastEvent has it; 0: that is no live value
}

// newestAlone returns the last frame of the segment, in memory that holds nothing else. A
// lagging client must not pin the burst around the frame. Only the hub's goroutine calls
// it.
func (s *Segment) newestAlone() *Segment {
	if s.newest == 0 {
		return s
	}
	if s.alone == nil {
		s.alone = &Segment{Data: append(make([]byte, 0, len(s.Data)-int(s.newest)), s.Data[s.newest:]...), slot: s.slot, live: uint64(s.last), last: s.last}
	}
	return s.alone
}

// Batch is one entry of a client's queue: everything that one flush holds for the client,
// or a signal.
type Batch struct {
	one  *Segment    // the first segment
	many *[]*Segment // the other segments, nil if there are none; a pointer keeps a queue's places small
	size int32

	// More reports that the hub holds further frames for the client, which the next pull
	// brings.
	More   bool
	Signal Signal
}

// Len is the number of bytes in the batch.
func (b *Batch) Len() int { return int(b.size) }

// Born is when the live value was taken in that ends the first segment, as BroadcastEvent has it; 0:
// no live value does.
func (b *Batch) Born() time.Duration {
	if b.one == nil {
		return 0
	}
	return b.one.born
}

// Single returns the batch's bytes if they are contiguous in memory.
func (b *Batch) Single() ([]byte, bool) {
	if b.one == nil || b.many != nil {
		return nil, b.one == nil
	}
	return b.one.Data, true
}

// Append appends the batch's bytes to dst.
func (b *Batch) Append(dst []byte) []byte {
	if b.one == nil {
		return dst
	}
	dst = append(dst, b.one.Data...)
	for _, s := range b.others() {
		dst = append(dst, s.Data...)
	}
	return dst
}

// others are the segments after the first.
func (b *Batch) others() []*Segment {
	if b.many == nil {
		return nil
	}
	return *b.many
}

// newest is the segment that was added last, nil if the batch is empty.
func (b *Batch) newest() *Segment {
	if n := len(b.others()); n > 0 {
		return (*b.many)[n-1]
	}
	return b.one
}

// add appends s. hint is the number of segments to make room for.
func (b *Batch) add(s *Segment, hint uint16) {
	b.size += int32(len(s.Data))
	switch {
	case b.one == nil:
		b.one = s
	case b.many == nil:
		many := append(make([]*Segment, 0, max(3, int(hint))), s)
		b.many = &many
	default:
		*b.many = append(*b.many, s)
	}
}

// split removes segments from the front, as many as fit into limit bytes but at
// least one, and returns them.
func (b *Batch) split(limit int) Batch {
	if b.Len() <= limit {
		all := *b
		*b = Batch{}
		return all
	}
	many := b.others()
	n, size := 0, len(b.one.Data)
	for n < len(many) && size+len(many[n].Data) <= limit {
		size += len(many[n].Data)
		n++
	}
	front := Batch{one: b.one, size: int32(size)}
	if n > 0 {
		first := many[:n:n]
		front.many = &first
	}
	rest := Batch{size: b.size - front.size}
	if n < len(many) {
		rest.one = many[n]
	}
	if n+1 < len(many) {
		last := many[n+1:]
		rest.many = &last
	}
	*b = rest
	return front
}

// segments calls f for each segment in order.
func (b *Batch) segments(f func(*Segment)) {
	if b.one == nil {
		return
	}
	f(b.one)
	for _, s := range b.others() {
		f(s)
	}
}
