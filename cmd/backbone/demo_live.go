package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"backbone/client"
	"backbone/internal/cli"
	"backbone/internal/telemetry"
	"backbone/protocol"
)

const redrawEvery = 100 * time.Millisecond

// watchLive shows the market on the terminal until the user quits or ctx ends. What is
// no terminal needs its size in the options.
func watchLive(ctx context.Context, s cli.Streams, conn *client.Conn, watched instance, footer []string, options ...tea.ProgramOption) error {
	options = append(options,
		tea.WithOutput(s.Out),
		tea.WithEnvironment(os.Environ()),
		tea.WithoutSignalHandler(), // signals end ctx
	)
	if f, ok := s.In.(*os.File); ok && telemetry.IsTerminal(f) {
		options = append(options, tea.WithInput(f))
	} else {
		options = append(options, tea.WithInput(nil)) // Ctrl-C comes as a signal
	}
	view := tea.NewProgram(liveView{footer: footer}, options...)

	ctx, stop := context.WithCancel(ctx)
	var feeding sync.WaitGroup
	defer feeding.Wait()
	defer stop()
	feeding.Go(func() {
		feed(ctx, conn, func(p picture) { view.Send(p) })
		view.Quit()
	})
	feeding.Go(func() {
		watchBridge(ctx, watched, func(n noticeMsg) { view.Send(n) })
	})
	_, err := view.Run()
	return err
}

// feed shows pictures of what conn receives until ctx or conn ends.
func feed(ctx context.Context, conn *client.Conn, show func(picture)) {
	b := newBoard(instruments())
	redraw, sample := time.NewTicker(redrawEvery), time.NewTicker(sampleEvery)
	defer redraw.Stop()
	defer sample.Stop()
	for {
		select {
		case e, ok := <-conn.Events():
			switch e := e.(type) {
			case client.PriceUpdate:
				b.update(e, time.Now())
			case client.Conflated:
				b.missed += e.Skipped
			}
			if !ok {
				return
			}
		case <-sample.C:
			b.sample()
		case <-redraw.C:
			show(b.picture())
		case <-ctx.Done():
			return
		}
	}
}

// watchBridge shows a notice while the instance says that Redis is not all right.
func watchBridge(ctx context.Context, watched instance, show func(noticeMsg)) {
	url := strings.Replace(watched.url, "ws://", "http://", 1) + protocol.PathReady
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			show(bridgeNotice(ctx, url))
		case <-ctx.Done():
			return
		}
	}
}

// bridgeNotice is empty where all is well.
func bridgeNotice(ctx context.Context, url string) noticeMsg {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var state struct{ Bridge string }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return noticeMsg(err.Error())
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		err = json.NewDecoder(resp.Body).Decode(&state)
		resp.Body.Close() //nolint:errcheck // all was read that matters
	}
	switch {
	case err != nil:
		return noticeMsg(fmt.Sprintf("no word from the server: %v", err))
	case state.Bridge == "off" || state.Bridge == "ok":
		return ""
	}
	return noticeMsg("Redis is " + state.Bridge + ": no prices come from the other instance")
}
