package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"backbone/protocol"
)

// Server is what the vectors are played against. Its methods may not be called at the same time.
type Server struct {
	Dial    Dial
	Prefix  string               // before each name of a room, to be alone on the server; empty for none
	Texts   bool                 // compare texts for people too: messages of errors and reasons of closes
	Wait    time.Duration        // for one message
	Heard   func(message string) // is told what peers hear; nil for nobody
	Retires bool                 // at the end of a section: retire what was published, so that nothing stays
}

// MismatchError is the first line of a section that the server did not live up to.
type MismatchError struct {
	Page string `json:"page"`
	Line int    `json:"line"` // where the block begins
	Role string `json:"role"`
	Sent string `json:"sent"` // last by that peer
	Want string `json:"expected"`
	Got  string `json:"got"`
}

func (f *MismatchError) Error() string {
	return fmt.Sprintf("%s:%d: the %s sent %s\nexpected %s\ngot      %s", f.Page, f.Line, f.Role, f.Sent, f.Want, f.Got)
}

// Play plays a section. The error is a [MismatchError], or says why the section could not be played.
func (s *Server) Play(ctx context.Context, section Section) error {
	p := &play{server: s, section: section, peers: map[string]*peer{}}
	defer p.end()
	for _, b := range section.playable() {
		if err := p.block(ctx, b); err != nil {
			return err
		}
	}
	return p.nothingMore(ctx)
}

// play is one section that is being played.
type play struct {
	server    *Server
	section   Section
	peers     map[string]*peer // by role
	at        Block
	published []string // instruments
}

func (p *play) end() {
	if p.server.Retires {
		p.retire()
	}
	for _, peer := range p.peers {
		peer.close()
	}
}

// peer is the one of a role. It connects at its first use.
func (p *play) peer(ctx context.Context, role string) (*peer, error) {
	if p.peers[role] == nil {
		path := protocol.PathConsume
		if role == "ingestor" {
			path = protocol.PathIngest
		}
		conn, _, err := p.server.Dial(ctx, path, "")
		if err != nil {
			return nil, fmt.Errorf("cannot connect to %s: %w", path, err)
		}
		p.peers[role] = &peer{role: role, conn: conn, server: p.server}
	}
	return p.peers[role], nil
}

func (p *play) block(ctx context.Context, b Block) error {
	p.at = b
	if b.Role == "handshake" {
		return p.handshakes(ctx, b)
	}
	if err := p.joinFor(ctx, b); err != nil {
		return err
	}
	for _, line := range b.Lines {
		mark, text, _ := strings.Cut(line, " ")
		role := b.Role
		if mark == "=>" {
			role = member
		}
		peer, err := p.peer(ctx, role)
		if err != nil {
			return err
		}
		text = rename(p.server.Prefix, text)
		switch mark {
		case "->":
			p.note(text)
			err = peer.say(ctx, text)
		case "<-", "=>":
			err = p.expect(ctx, peer, text)
		default:
			err = fmt.Errorf("%s:%d: %q begins with none of -> <- =>", p.section.Page, b.Line, line)
		}
		if err != nil {
			return err
		}
	}
	if b.Role == "ingestor" && p.peers[member] == nil && !p.peers[b.Role].closed {
		return p.settle(ctx)
	}
	return nil
}

// member is the role of the peer that hears the lines =>.
const member = "member"

// joinFor has the member join the rooms whose events the lines => of a block show. Who says
// something to a room has to be in it too.
func (p *play) joinFor(ctx context.Context, b Block) error {
	var rooms []string
	for _, line := range b.Lines {
		var event protocol.ServerMessage
		if text, ok := strings.CutPrefix(line, "=> "); !ok {
			continue
		} else if err := json.Unmarshal([]byte(rename(p.server.Prefix, text)), &event); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", p.section.Page, b.Line, line, err)
		}
		if room := event.Room + event.Instrument; !slices.Contains(rooms, room) { // it has one of them
			rooms = append(rooms, room)
		}
	}
	if len(rooms) == 0 {
		return nil
	}
	roles := []string{member}
	if b.Role == "consumer" {
		roles = append(roles, b.Role)
	}
	for _, role := range roles {
		peer, err := p.peer(ctx, role)
		if err != nil {
			return err
		}
		peer.echoed = role != member
		names, err := json.Marshal(rooms)
		if err != nil {
			return err
		}
		if err := peer.say(ctx, fmt.Sprintf(`{"type":"join","rooms":%s,"id":"all"}`, names)); err != nil {
			return err
		}
		if err := p.expect(ctx, peer, string(protocol.ServerMessage{Type: protocol.TypeJoined, Rooms: rooms, ID: "all"}.Append(nil))); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) expect(ctx context.Context, peer *peer, want string) error {
	got := peer.hear(ctx, want)
	if p.server.masked(got) == p.server.masked(want) {
		return nil
	}
	return &MismatchError{Page: p.section.Page, Line: p.at.Line, Role: peer.role, Sent: peer.said, Want: want, Got: got}
}

// settle returns once all that was published has gone through the server: an event published
// behind it has arrived.
func (p *play) settle(ctx context.Context) error {
	probe := rename(p.server.Prefix, `{"type":"price_update","instrument":"PROBE","price":1,"ts":1}`)
	conn, _, err := p.server.Dial(ctx, protocol.PathConsume, "")
	if err != nil {
		return err
	}
	c := &peer{role: "consumer", conn: conn, server: p.server}
	defer c.close()
	if err := c.say(ctx, rename(p.server.Prefix, `{"type":"join","room":"PROBE"}`)); err != nil {
		return err
	}
	if err := p.expect(ctx, c, rename(p.server.Prefix, `{"type":"joined","room":"PROBE"}`)); err != nil {
		return err
	}
	p.note(probe)
	if err := p.peers["ingestor"].say(ctx, probe); err != nil {
		return err
	}
	for {
		got := c.hear(ctx, probe)
		if strings.Contains(got, `"snapshot":true`) { // of an earlier one
			continue
		}
		if got != probe {
			return &MismatchError{Page: p.section.Page, Line: p.at.Line, Role: c.role, Sent: c.said, Want: probe, Got: got}
		}
		return nil
	}
}

// nothingMore fails if a peer has heard more than the section shows. A pong may overtake what
// waits, but the second of two does not. What is yet to be made then, as by a goroutine behind the one that
// answers, is not heard.
func (p *play) nothingMore(ctx context.Context) error {
	for _, role := range []string{"consumer", "ingestor", member} {
		peer := p.peers[role]
		for range 2 {
			if peer == nil || peer.closed {
				break
			}
			if err := peer.say(ctx, `{"type":"ping","id":"end"}`); err != nil {
				return err
			}
			pong := `{"type":"pong","id":"end","ts":1710000000123}`
			if got := peer.hear(ctx, pong); !strings.Contains(got, `"id":"end"`) { // or else it is refused for its rate
				return &MismatchError{Page: p.section.Page, Line: p.at.Line, Role: role, Sent: peer.said, Want: pong, Got: got}
			}
		}
	}
	return nil
}

// note remembers what a message publishes.
func (p *play) note(message string) {
	if len(p.section.Flags()) > 0 || !p.server.Retires {
		return
	}
	for _, m := range instrument.FindAllStringSubmatch(message, -1) {
		if !slices.Contains(p.published, m[1]) {
			p.published = append(p.published, m[1])
		}
	}
}

var instrument = regexp.MustCompile(`"instrument":\s*("(?:[^"\\]|\\.)*")`)

// retire ends what was published, as far as the server takes that. The section is over: it has a
// moment of its own for it.
func (p *play) retire() {
	ctx, cancel := context.WithTimeout(context.Background(), p.server.Wait)
	defer cancel()
	conn, _, err := p.server.Dial(ctx, protocol.PathIngest, "")
	if err != nil || len(p.published) == 0 {
		return
	}
	c := &peer{conn: conn, server: p.server}
	defer c.close()
	for _, name := range p.published {
		_ = c.say(ctx, `{"type":"retire","instrument":`+name+`}`) // a name that is none is refused
	}
	_ = c.say(ctx, `{"type":"ping","id":"end"}`)
	for !c.closed && !strings.Contains(c.hear(ctx, ""), `"id":"end"`) { // until it has heard of all
	}
}

// handshakes asks for connections that the server is to give or to refuse.
func (p *play) handshakes(ctx context.Context, b Block) error {
	said, got := "", ""
	for _, line := range b.Lines {
		if asked, ok := strings.CutPrefix(line, "-> "); ok {
			path, offer, _ := strings.Cut(asked, " ")
			conn, answer, err := p.server.Dial(ctx, path, offer)
			if conn != nil {
				conn.Close()
			} else if answer == "" {
				return err
			}
			said, got = asked, answer
			continue
		}
		if want := strings.TrimPrefix(line, "<- "); got != want {
			return &MismatchError{Page: p.section.Page, Line: b.Line, Role: "client", Sent: said, Want: want, Got: got}
		}
	}
	return nil
}
