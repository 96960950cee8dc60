package client

import (
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"backbone/protocol"
)

// answers reads what the client sends and returns the numbers of the marks that it answers.
// The channel is closed with the connection.
func (p *peer) answers() <-chan uint64 {
	numbers := make(chan uint64, 64)
	async(p.t, func() {
		defer close(numbers)
		for {
			_, b, err := p.ws.Read(p.t.Context())
			if err != nil {
				return
			}
			if n, ok := scanMarked(string(b)); ok {
				numbers <- n
			} else {
				p.t.Errorf("server got %s, want an answer to a mark", b)
			}
		}
	})
	return numbers
}

func scanMarked(text string) (uint64, bool) {
	const open, end = `{"type":"marked","n":`, `}`
	if len(text) < len(open)+len(end) || text[:len(open)] != open {
		return 0, false
	}
	n, err := strconv.ParseUint(text[len(open):len(text)-len(end)], 10, 64)
	return n, err == nil
}

func (p *peer) mark(n int) {
	p.t.Helper()
	p.answer(protocol.ServerMessage{Type: protocol.TypeMark, N: uint64(n)})
}

// got returns the answers that have come by now.
func got(answers <-chan uint64) (numbers []uint64) {
	synctest.Wait()
	for len(answers) > 0 {
		numbers = append(numbers, <-answers)
	}
	return numbers
}

func TestMarksAreAnsweredOnceTheProgramHasTakenWhatCameBefore(t *testing.T) {
	for _, buffer := range []int{2, 3, 1024} {
		t.Run(strconv.Itoa(buffer), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := newPipeServer(t).consumer(ConnOptions{Buffer: buffer})
				answers := p.answers()
				p.mark(1)
				if n := got(answers); !slices.Equal(n, []uint64{1}) {
					t.Errorf("with nothing before it: answered %v, want 1", n)
				}
				async(t, func() {
					for i := range 8 {
						p.write(price("A", "1", int64(i)))
						p.mark(2 + i)
					}
				})
				for i := range 8 {
					time.Sleep(10 * time.Second) // of fake time, in which the program takes nothing
					if n := got(answers); len(n) > 0 {
						t.Fatalf("after %d events: answered %v too early", i, n)
					}
					expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: int64(i)})
					time.Sleep(maxLook)
					if n := got(answers); !slices.Equal(n, []uint64{uint64(2 + i)}) {
						t.Fatalf("after event %d: answered %v, want %d", i, n, 2+i)
					}
				}
			})
		})
	}
}

// A program that keeps up answers within a few milliseconds, and only the newest of the marks
// that it has come past.
func TestOnlyTheNewestMarkIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(ConnOptions{})
		answers := p.answers()
		for i := range 5 {
			p.write(price("A", "1", int64(i)))
			p.mark(1 + 2*i)
			p.mark(2 + 2*i)
		}
		synctest.Wait()
		expectPrices(t, c, 3)
		time.Sleep(2 * minLook)
		if n := got(answers); !slices.Equal(n, []uint64{6}) {
			t.Errorf("answered %v, want 6", n)
		}
	})
}

func TestMarksOfALostConnectionAreNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(ConnOptions{})
		p.write(price("A", "1", 0))
		p.mark(7)
		synctest.Wait()
		p.kill()
		p = s.accept()
		answers := p.answers()
		p.mark(1) // although the program has not taken what came on the connection before
		if n := got(answers); !slices.Equal(n, []uint64{1}) {
			t.Errorf("answered %v, want 1", n)
		}
		p.write(price("A", "1", 1))
		p.mark(2)
		synctest.Wait()
		expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 0})
		expectDisconnected(t, c)
		expectEvent(t, c, Connected{})
		expectEvent(t, c, Rejoined{})
		time.Sleep(maxLook)
		if n := got(answers); len(n) > 0 {
			t.Errorf("answered %v, want nothing", n)
		}
		expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 1})
		time.Sleep(maxLook)
		if n := got(answers); !slices.Equal(n, []uint64{2}) {
			t.Errorf("answered %v, want 2", n)
		}
	})
}

// The goroutine that takes events waits for a reply, which the server holds back behind marks.
func TestAReplyBehindMarksIsNotADeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(ConnOptions{Buffer: 4})
		async(t, func() {
			m := p.expect(protocol.TypeJoin)
			for i := range 10 {
				p.write(price("A", "1", int64(i)))
				p.mark(1 + i)
				for n := p.expect(protocol.TypeMarked).N; n != uint64(1+i); n = p.expect(protocol.TypeMarked).N {
				}
			}
			p.answer(protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: m.Rooms, ID: m.ID})
		})
		start := time.Now()
		if err := c.Join(patient(t), "B"); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < blockedAfter || d > blockedAfter+2*maxLook {
			t.Errorf("the reply came after %v, want %v", d, blockedAfter)
		}
		expectPrices(t, c, 10)
	})
}

// A call of another goroutine does not open the window of a program that is slow.
func TestACallElsewhereAnswersNoMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPipeServer(t).consumer(ConnOptions{})
		answers := make(chan uint64, 1)
		async(t, func() {
			for i := range 10 {
				p.write(price("A", "1", int64(i)))
			}
			p.mark(1)
			id := p.expect(protocol.TypePing).ID
			time.Sleep(blockedAfter * 4)
			p.answer(protocol.ServerMessage{Type: protocol.TypePong, ID: id})
			answers <- p.expect(protocol.TypeMarked).N
		})
		synctest.Wait()
		done := make(chan error)
		go func() { _, err := c.Ping(t.Context()); done <- err }()
		for i := range 9 {
			time.Sleep(blockedAfter / 2)
			expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: int64(i)})
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if n := got(answers); len(n) > 0 {
			t.Errorf("answered %v although the program has not taken what came before", n)
		}
		expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 9})
		time.Sleep(maxLook)
		if n := got(answers); len(n) != 1 {
			t.Errorf("answered %v, want 1", n)
		}
	})
}

// The age is what the server has told last, or how long the program has not come to a mark.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPipeServer(t)
		c, p := s.consumer(ConnOptions{})
		expect := func(age time.Duration, known bool) {
			t.Helper()
			synctest.Wait()
			got, ok := c.Age()
			if late := got - age; late < 0 || late > maxLook || ok != known {
				t.Fatalf("the age is %v, %t, want %v, %t", got, ok, age, known)
			}
		}
		told := func(n int, age time.Duration) {
			ms := age.Milliseconds()
			p.answer(protocol.ServerMessage{Type: protocol.TypeMark, N: uint64(n), AgeMS: &ms})
		}
		p.answers()
		expect(0, false)
		p.mark(1)
		expect(0, false)
		for i := range 3 { // of a mark each
			p.write(price("A", "1", int64(i)))
			told(2+i, 40*time.Millisecond)
			time.Sleep(time.Second)
			expect(time.Duration(1+i)*time.Second, true)
		}
		expectPrices(t, c, 2)
		time.Sleep(maxLook)
		expect(time.Second+maxLook, true)
		expectEvent(t, c, PriceUpdate{Instrument: "A", Price: "1", TS: 2})
		time.Sleep(maxLook)
		expect(40*time.Millisecond, true)
		p.write(`{"age_ms":3000,"n":7,"type":"mark"}`)
		time.Sleep(maxLook)
		expect(3*time.Second, true)
		p.kill()
		expectDisconnected(t, c)
		expect(0, false)
		p = s.accept()
		p.answers()
		p.mark(1)
		expect(0, false)
		told(2, 50*time.Millisecond)
		expect(50*time.Millisecond, true)
	})
}

// A program that takes messages undecoded sees no marks.
func TestMarksAreNotOfferedToOnMessage(t *testing.T) {
	offered := make(chan string, 8)
	_, p := newServer(t).consumer(ConnOptions{OnMessage: func(b []byte) bool { offered <- string(b); return true }})
	p.write(price("A", "1", 1))
	p.mark(5)
	p.write(price("A", "1", 2))
	if n := p.expect(protocol.TypeMarked).N; n != 5 {
		t.Errorf("answered %d, want 5", n)
	}
	for ts := range 2 {
		if got, want := <-offered, price("A", "1", int64(1+ts)); got != want {
			t.Errorf("offered %s, want %s", got, want)
		}
	}
}

// A server that is older than marks refuses a join that asks for them, and is asked without.
func TestJoinAtAServerWithoutMarks(t *testing.T) {
	s := newServer(t)
	c, p := s.consumer(ConnOptions{})
	refuse := func(p *peer) {
		m := p.expect(protocol.TypeJoin)
		if !m.Marks {
			t.Error("did not ask for marks")
		}
		p.answer(protocol.ServerMessage{Type: protocol.TypeError, Code: protocol.CodeUnknownField, Message: "marks: unknown field", ID: m.ID})
	}
	plain := func(p *peer, rooms ...string) {
		if m := p.join(); m.Marks || !slices.Equal(m.Rooms, rooms) {
			t.Errorf("got %+v, want a join of %v without marks", m, rooms)
		}
	}
	async(t, func() {
		refuse(p)
		plain(p, "A")
		plain(p, "B")
	})
	for _, room := range []string{"A", "B"} {
		if err := c.Join(patient(t), room); err != nil {
			t.Fatal(err)
		}
	}
	p.kill()
	expectDisconnected(t, c)
	p = s.accept() // of a newer version perhaps, so it is asked again
	refuse(p)
	plain(p, "A", "B")
	expectEvent(t, c, Connected{})
	expectEvent(t, c, Rejoined{Rooms: []string{"A", "B"}})
	async(t, func() { // what is refused for another reason is not asked again
		m := p.expect(protocol.TypeJoin)
		p.answer(protocol.ServerMessage{Type: protocol.TypeError, Code: protocol.CodeUnknownField, Message: "x: unknown field", ID: m.ID})
	})
	if err := c.Join(patient(t), "C"); err == nil {
		t.Error("no error")
	}
}
