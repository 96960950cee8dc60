package clienttest_test

import (
	"fmt"
	"testing"
	"time"

	"backbone/client"
	"backbone/client/clienttest"
)

func TestAMemberGetsNoMoreThanItAskedFor(t *testing.T) {
	srv := clienttest.NewServer()
	defer srv.Close()
	c, _ := dial(t, srv)
	publish := func(prices ...int) {
		t.Helper()
		for _, p := range prices {
			if err := srv.Publish(fmt.Sprintf(`{"type":"price_update","instrument":"A","price":%d,"ts":1}`, p)); err != nil {
				t.Fatal(err)
			}
		}
	}
	join := func(opt client.JoinOptions) {
		t.Helper()
		if err := c.JoinWith(t.Context(), opt, "A"); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(skipped uint64, price client.Price) {
		t.Helper()
		if skipped > 0 {
			if ev := next(t, c); ev != (client.Conflated{Room: "A", Skipped: skipped}) {
				t.Fatalf("got %+v, want %d skipped", ev, skipped)
			}
		}
		if u, ok := next(t, c).(client.PriceUpdate); !ok || u.Price != price {
			t.Fatalf("got %+v, want %s", u, price)
		}
	}
	publish(1)
	begun := time.Now()
	join(client.JoinOptions{MaxRate: 5})
	expect(0, "1")
	publish(2, 3, 4)
	expect(2, "4")
	if took := time.Since(begun); took < 200*time.Millisecond {
		t.Errorf("the second price came after %v", took)
	}
	join(client.JoinOptions{MaxRate: 0.01})
	publish(5, 6)
	join(client.JoinOptions{MaxRate: client.NoMaxRate})
	expect(1, "6")
	publish(7, 8)
	expect(0, "7")
	expect(0, "8")
	join(client.JoinOptions{MaxRate: 0.01})
	publish(9, 10)
	join(client.JoinOptions{Conflate: client.ConflateNever})
	expect(0, "9")
	expect(0, "10")
	publish(11)
	expect(0, "11")
}
