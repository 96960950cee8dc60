package transport

import (
	"testing"
	"testing/synctest"

	"backbone/internal/hub"
	"backbone/protocol"
)

// Ingest is asked for last prices when the hub has the member. Asked before, its answer
// could be routed before the member is there, which would then start without a price.
func TestAJoinWaitsForTheHubBeforeIngestIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan []hub.BroadcastEvent, 10) // what ingest passes on, in place of the hub
		goOn := make(chan struct{})
		busy := hub.New(hub.Options{
			QueueBytes: 256 << 10, Conflated: protocol.Conflated,
			Frame: func(dst []byte, payload string) []byte {
				if payload == "stand still" {
					<-goOn
				}
				return Frame(dst, payload)
			},
		})
		i := onPipes(t, settings{hubEvents: asked, change: func(o *Options) { o.Hub = busy }})
		go busy.Run(t.Context())
		holder, joiner := i.consumer(), i.consumer()
		for _, c := range []*peer{holder, joiner} {
			c.send(`{"type":"join","room":"HELD","mark_empty":true}`)
			c.hears(`{"type":"joined","room":"HELD"}`)
			<-asked
		}

		busy.Events() <- []hub.BroadcastEvent{{Room: "HELD", Kind: hub.State, Payload: "stand still"}}
		synctest.Wait()
		joiner.send(`{"type":"join","room":"BTC_USDT","mark_empty":true}`)
		synctest.Wait()
		if len(asked) > 0 {
			t.Errorf("ingest was asked before the hub had the member: it passed %+v", <-asked)
		}
		close(goOn)
		joiner.hears("stand still", `{"type":"joined","room":"BTC_USDT"}`)
		if got := <-asked; len(got) != 1 || got[0].Room != "BTC_USDT" {
			t.Errorf("ingest passed %+v, want the answer to the join", got)
		}
	})
}
