package feed

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"backbone/internal/cli"
	"backbone/internal/cli/exchange"
	"backbone/internal/feed"
	"backbone/internal/feed/exchanges"
	"backbone/internal/feed/runner"
	"backbone/internal/proctest"
	"backbone/protocol"
)

// far is set for the process that has the other ends of BenchmarkTrades.
const far = "BACKBONE_FEED_BENCH_FAR"

// tradesPerMillisecond is the rate at which trades come.
const tradesPerMillisecond = 100

// BenchmarkTrades is what a trade of Binance costs this process from the socket of the exchange to
// the socket of the server, both of which are in another process. Trades come at 100,000 a second,
// each in a write of its own. us/trade is the time of the processor, in user and system mode; ns/op
// only shows the rate.
func BenchmarkTrades(b *testing.B) {
	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	child := exec.Command(program)
	child.Env = append(os.Environ(), far+"=1")
	orders, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	lines := make(chan string, 2)
	other, err := proctest.Start(child, "ws://", func(line []byte) { lines <- strings.TrimSpace(string(line)) })
	if err != nil {
		b.Fatal(err)
	}
	defer other.Kill()
	address := <-lines

	m, err := exchange.NewMapping([]string{"BTCUSDT"}, "")
	if err != nil {
		b.Fatal(err)
	}
	c := &Cmd{Access: cli.Access{Connection: cli.Connection{URLs: []string{address}, Reach: cli.Reach{ConnectTimeout: patience}}}}
	publish, finish, err := c.outlet(b.Context(), func() {}, cli.Streams{}, m, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	e, _ := exchanges.Find("binance")
	published := make(chan int, 1<<16)
	r, err := runner.New(runner.Options{
		Exchange: e, Request: feed.Request{URL: address + "/exchange", Kind: feed.Trades, Symbols: m.Symbols},
		Publish: func(ctx context.Context, prices []feed.Price) error {
			published <- len(prices)
			return publish(ctx, prices)
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	<-lines // it was asked for trades

	b.ReportAllocs()
	b.ResetTimer()
	before := proctest.CPU()
	if _, err := fmt.Fprintln(orders, b.N); err != nil {
		b.Fatal(err)
	}
	batches, handed, left := 0, 0, 0
	for late := time.NewTicker(time.Second); handed+left < b.N; {
		select {
		case n := <-published:
			handed += n
			batches++
		case <-late.C:
			left = int(r.Status().Counts[feed.Conflated])
		}
	}
	b.StopTimer()
	used := proctest.CPU() - before
	stop()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	if err := finish(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(b.N), "us/trade")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "trades/s")
	b.ReportMetric(float64(handed)/float64(max(batches, 1)), "trades/batch")
	b.ReportMetric(float64(left), "conflated") // not 0: this machine has not enough cores free for the rate
}

// farEnds is the process of an exchange, and of a server that takes all and does nothing. It ends
// with its standard input.
func farEnds() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	asked := make(chan *websocket.Conn)
	mux := http.NewServeMux()
	mux.HandleFunc("/exchange", func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		if _, _, err := ws.Read(r.Context()); err == nil { // what it asks for
			asked <- ws
		}
		<-ws.CloseRead(context.Background()).Done()
	})
	mux.HandleFunc(protocol.PathIngest, func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		ws.SetReadLimit(protocol.MaxMessageBytes)
		for {
			_, text, err := ws.Read(r.Context())
			if err != nil {
				return
			}
			if ping := `{"type":"` + protocol.TypePing; strings.HasPrefix(string(text), ping) { // the last word
				text = append([]byte(`{"type":"`+protocol.TypePong), text[len(ping):]...)
				_ = ws.Write(r.Context(), websocket.MessageText, text)
			}
		}
	})
	go func() { _ = http.Serve(l, mux) }()
	fmt.Printf("ws://%s\n", l.Addr())
	ws := <-asked
	_ = ws.Write(context.Background(), websocket.MessageText, []byte(`{"result":null,"id":1}`))
	fmt.Println("asked")
	orders := bufio.NewScanner(os.Stdin)
	for id := 0; orders.Scan(); {
		most, err := strconv.Atoi(strings.TrimSpace(orders.Text()))
		if err != nil {
			panic(err)
		}
		began := time.Now()
		for n := 0; n < most; {
			due := min(most, int(time.Since(began).Milliseconds()+1)*tradesPerMillisecond)
			for ; n < due; n++ {
				id++
				at := 1790000000000 + int64(id)
				text := fmt.Appendf(nil, `{"e":"trade","E":%d,"s":"BTCUSDT","t":%d,"p":"70123.45000000","q":"0.00120000","T":%d,"m":%t,"M":true}`, at, id, at, id%2 == 0)
				if ws.Write(context.Background(), websocket.MessageText, text) != nil {
					return
				}
			}
			time.Sleep(time.Millisecond)
		}
	}
}
