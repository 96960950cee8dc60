package bench

import (
	"fmt"
	"time"

	"backbone/internal/human"
	"backbone/internal/load"
)

// notes are what a reader of the figures should know, with the flags that change it.
func notes(r *load.Result, drain time.Duration) []string {
	all := []string{}
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if r.Interrupted {
		say("interrupted after %.1f s of measuring", r.MeasuredS)
	}
	if r.Settings.Rate == 0 {
		say("events were sent as fast as the server accepted them, so latency shows how full the queues were")
	}
	if r.Publish.Sent < r.Publish.Due {
		say("%s events were due and could not be sent: the server does not accept this rate, or this machine cannot produce it", human.Group(r.Publish.Due-r.Publish.Sent))
	}
	late, latency := r.Publish.LatenessMS.P99, r.Latency.Consumers.P99
	if late != nil && latency != nil && *late > 0.5 && *late > *latency/4 {
		say("events were sent late (p99 %s), which is part of their latency: see whether this machine or the server was busy", human.Millis(late))
	}
	if busy := busyCores(r); busy > 0.9*float64(r.Machine.Cores) {
		say("the server and this program kept %.1f of %d cores busy: latency includes waiting for a core", busy, r.Machine.Cores)
	}
	if n := r.Delivery.ConflatedNormal; n > 0 {
		say("%s events were conflated for consumers that read at full speed: more arrived than they could read", human.Group(n))
	}
	if n := r.Delivery.SlowDisconnects; n > 0 {
		say("slow consumers were disconnected %s times: the server's socket moved too little within its write timeout (serve --write-timeout); what they missed meanwhile counts as wrong, so let them read faster (--slow-rate), or see --stalled", human.Group(n))
	}
	if s := r.Readers; s != nil && s.CutOff > 0 {
		say("%s of %s slow readers lost their connection: the server, or a proxy before it, took them for dead; what they missed meanwhile counts as wrong", human.Group(s.CutOff), human.Group(r.Settings.SlowReaders))
	}
	if r.Delivery.Unfinished > 0 {
		say("%s consumers had not received the end of their rooms %v after the last event (--drain)", human.Group(r.Delivery.Unfinished), drain)
	}
	if r.Publish.Disconnects > 0 {
		say("the publisher lost its connection %d times: events on their way were lost", r.Publish.Disconnects)
	}
	return all
}

func busyCores(r *load.Result) float64 {
	busy := 0.0
	for _, p := range []*load.Process{r.Server, r.Tool} {
		if p != nil {
			busy += p.Cores
		}
	}
	return busy
}
