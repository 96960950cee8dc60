package subscribe

import (
	"strings"
	"testing"

	"backbone/client"
	"backbone/client/clienttest"
)

// A room that gets a price before names are asked for is none that is misspelt, and they are asked for once.
func TestNamesAreLookedForWhereNothingCame(t *testing.T) {
	srv := clienttest.NewServer()
	defer srv.Close()
	if err := srv.Publish(`{"type":"price_update","instrument":"BTC_USDT","price":1,"ts":1}`); err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(t.Context(), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	u := unheard{told: make(chan []string, 1)}
	for _, room := range []string{"BTC_USDX", "BTC_USDY", "BTC_USDX"} {
		u.add(room)
	}
	if u.due == nil {
		t.Error("nothing would ask")
	}
	u.hears("BTC_USDY")
	u.ask(t.Context(), conn)
	if got := strings.Join(<-u.told, "\n"); got != "BTC_USDX: nothing is known of it: did you mean BTC_USDT?" {
		t.Errorf("said %s", got)
	}
	if u.add("BTC_USDZ"); u.due != nil || len(u.rooms) != 1 {
		t.Error("it would ask again")
	}
}
