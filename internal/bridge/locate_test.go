package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"backbone/internal/partition"
	"backbone/internal/redisurl"
)

// newLocator asks at addresses, and closes what it has open with the test.
func newLocator(t *testing.T, setup redisurl.Setup, addresses ...string) *locator {
	_, o := newInstance(t, "me")
	o = o.withDefaults()
	l := &locator{target: newTarget(&redisurl.URL{Setup: setup, Addresses: addresses, Master: "m"}, nil), opts: &o, nodes: map[string]*node{}}
	t.Cleanup(l.close)
	return l
}

// Of sentinels that disagree the newest counts, the first of those that are as new, and one that
// does not answer keeps none of the others away.
func TestTheNewestViewCounts(t *testing.T) {
	noLeak(t)
	sentinel := func(epoch, port int) string {
		return fakeRedis(t, map[string]string{"SENTINEL": fmt.Sprintf("%%3\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n%s$12\r\nconfig-epoch\r\n%s", bulk(fmt.Sprint(port)), bulk(fmt.Sprint(epoch)))})
	}
	l := newLocator(t, redisurl.Sentinel, "127.0.0.1:1", sentinel(4, 1), sentinel(5, 2), sentinel(5, 3), sentinel(4, 4))
	for range 2 { // on new connections, and on the same
		v, err := l.locate(t.Context())
		if err != nil || v.epoch != 5 || v.masters["127.0.0.1:2"] != partition.All || len(l.nodes) != 4 {
			t.Errorf("%+v, %v, %d connected, want the second", v, err, len(l.nodes))
		}
	}
}

// ask asks a node of a cluster that answers CLUSTER SLOTS in some way.
func askNode(t *testing.T, slots string) (view, error) {
	t.Helper()
	l := newLocator(t, redisurl.Cluster, fakeRedis(t, map[string]string{"CLUSTER SLOTS": slots}))
	return l.locate(t.Context())
}

func TestWhatANodeOfAClusterSays(t *testing.T) {
	noLeak(t)
	const named, unknown, unnamed = "*2\r\n$8\r\n10.0.0.1\r\n:7\r\n", "*2\r\n$1\r\n?\r\n:7\r\n", "*2\r\n$0\r\n\r\n:8\r\n"
	for name, c := range map[string]struct {
		slots   string
		masters []string
		nodes   string
		fails   string
	}{
		"a name":            {"*1\r\n*3\r\n:0\r\n:16383\r\n" + named, []string{"10.0.0.1:7"}, "[10.0.0.1:7]", ""},
		"no name":           {"*1\r\n*4\r\n:0\r\n:16383\r\n" + unnamed + named, []string{"127.0.0.1:8"}, "[10.0.0.1:7 127.0.0.1:8]", ""},
		"an unknown master": {"*1\r\n*4\r\n:0\r\n:16383\r\n" + unknown + named, nil, "[10.0.0.1:7]", ""},
		"no nodes":          {"*1\r\n*2\r\n:0\r\n:16383\r\n", nil, "", "2 fields"},
		"no range":          {"*1\r\n+x\r\n", nil, "", "0 fields"},
		"a node of a field": {"*1\r\n*3\r\n:0\r\n:16383\r\n*1\r\n$8\r\n10.0.0.1\r\n", nil, "", "a node of 1 fields"},
	} {
		v, err := askNode(t, c.slots)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: %+v, %v, want an error with %q", name, v, err, c.fails)
			}
			continue
		}
		var masters []string
		for address, has := range v.masters {
			if has == partition.All {
				masters = append(masters, address)
			}
		}
		if err != nil || !slices.Equal(masters, c.masters) || fmt.Sprint(v.nodes) != c.nodes {
			t.Errorf("%s: masters %v, nodes %v, %v", name, v.masters, v.nodes, err)
		}
	}
}

// unclosed is a connection that stays when it is to be closed.
type unclosed struct{ net.Conn }

func (unclosed) Close() error { return nil }

// A node that took too long does not count as connected, and one that refused says why.
func TestAConnectionInTime(t *testing.T) {
	late, cancel := context.WithCancel(t.Context())
	cancel()
	address := fakeRedis(t, nil)
	conn, err := (&net.Dialer{Timeout: time.Minute}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	refused := errors.New("refused")
	for _, c := range []struct {
		conn net.Conn
		err  error
		want error
	}{{unclosed{conn}, nil, context.Canceled}, {nil, refused, refused}} {
		l := newLocator(t, redisurl.Sentinel, address)
		l.target.asking = rueidis.ClientOption{DialCtxFn: func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) { return c.conn, c.err }}
		if n, err := l.connect(t.Context(), late, address); n != nil || !errors.Is(err, c.want) {
			t.Errorf("connected %v, %v, want %v", n != nil, err, c.want)
		}
	}
}
