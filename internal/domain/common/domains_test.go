package common_test

import (
	"testing"

	"backbone/internal/domain/common"
	"backbone/protocol"
)

type named string

func (n named) Type() string                                      { return string(n) }
func (n named) Sender() protocol.Role                             { return protocol.Consumer }
func (n named) RoomField() string                                 { return "room" }
func (n named) MembersOnly() bool                                 { return false }
func (n named) Ends() string                                      { return "" }
func (n named) State() bool                                       { return n == "a" }
func (n named) Validate(*common.Object) (e common.Event, _ error) { return e, nil }

func TestDomains(t *testing.T) {
	t.Parallel()
	domains := common.NewDomains(named("a"), named("b"))
	for typ, want := range map[string]bool{"a": true, "b": true, "c": false, "A": false, "": false} {
		if d, ok := domains.Lookup(typ); ok != want || ok && d.Type() != typ {
			t.Errorf("%q: %v, %v", typ, d, ok)
		}
	}
	if got := domains.StateTypes(); len(got) != 1 || got[0] != "a" {
		t.Errorf("the State types are %q, want a", got)
	}
	for _, list := range [][]common.Domain{{named("a"), named("b"), named("a")}, {named("")}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v were taken", list)
				}
			}()
			common.NewDomains(list...)
		}()
	}
}
