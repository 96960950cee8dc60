package main

import (
	"fmt"
	"math"

	"backbone/internal/human"
)

// result sums up a run that has ended.
func (b *benchRun) result(interrupted bool) *benchResult {
	window := (b.end - b.begin).Seconds()
	p := b.publisher
	r := &benchResult{
		Begun:       b.stage.clock.begin,
		Machine:     thisMachine(),
		Settings:    b.settings(),
		MeasuredS:   window,
		Interrupted: interrupted,
		Connect:     b.connected.result(),
		Publish: publishResult{
			Due: p.due, Sent: p.measured, PerSecond: float64(p.measured) / window,
			LatenessMS: percentilesOf(p.lag),
			Rejected:   int(b.rejected.Load()), Disconnects: int(b.disconnects.Load()),
		},
		Delivery: b.delivery(),
		Latency:  latencyResult{Consumers: percentilesOf(b.recorder.kinds[normalConsumer])},
		Notes:    []string{},
		curves:   b.curves(),
	}
	select {
	case err := <-b.firstRejected:
		r.Publish.Rejection = human.Error(err)
	default:
	}
	kind := func(k consumerKind) *percentiles {
		l := percentilesOf(b.recorder.kinds[k])
		return &l
	}
	if b.Slow > 0 {
		r.Latency.Slow = kind(slowConsumer)
	}
	if b.stormed != nil {
		r.Latency.Storm = kind(stormConsumer)
		phases := b.recorder.phases
		r.Storm = &stormResult{
			connectResult: b.stormed.result(), StartS: (b.stormAt - b.begin).Seconds(),
			Before: percentilesOf(phases[phaseBefore]), During: percentilesOf(phases[phaseStorm]), After: percentilesOf(phases[phaseAfter]),
		}
	}
	b.course(r)
	b.processes(r)
	b.note(r)
	return r
}

func (a *arrival) result() connectResult {
	r := connectResult{Joined: a.joined, Failed: a.failed, TookS: a.took.Seconds(), LatencyMS: percentilesOf(a.latency)}
	if a.joined > 0 {
		r.PerSecond = float64(a.joined) / a.took.Seconds()
	}
	if a.err != nil {
		r.Error = human.Error(a.err)
	}
	return r
}

// delivery settles what did not come and adds up all consumers.
func (b *benchRun) delivery() deliveryResult {
	var d deliveryResult
	var all tally
	for _, f := range []fleet{b.standing, b.newcomers} {
		for _, c := range f {
			switch {
			case c.kind == stalledConsumer:
				d.StalledConsumers++
				d.StalledDisconnects += c.disconnects
				continue
			case c.conn == nil:
				continue
			}
			c.settle(b.publisher.seqs)
			all.add(c.tally)
			if c.kind == normalConsumer {
				d.ConflatedNormal += c.tally.conflated
			}
			if c.kind == slowConsumer {
				d.SlowDisconnects += c.disconnects
			}
			if d.Disconnects += c.disconnects; c.disconnects > 0 {
				d.DisconnectError = human.Error(c.lastError)
			}
		}
	}
	d.Delivered, d.Snapshots, d.Conflated = all.delivered, all.snapshots, all.conflated
	d.Lost, d.Missed, d.Miscounted, d.Malformed = all.lost, all.missed, all.miscounted, all.malformed
	d.Duplicated, d.OutOfOrder = all.duplicated, all.disordered
	d.Unfinished = b.unfinished
	return d
}

// course is the series of a run.
func (b *benchRun) course(r *benchResult) {
	length := b.stage.interval.Seconds()
	r.IntervalS = length
	measured := int(math.Ceil((b.end-b.begin).Seconds()/length - 1e-6))
	received := 0
	for i, in := range b.recorder.series {
		if i < measured {
			received += in.delivered
		}
		r.Series = append(r.Series, intervalResult{
			TS: float64(i) * length, Delivered: in.delivered, Conflated: in.conflated,
			percentiles: percentilesOf(in.latency),
		})
	}
	r.Delivery.PerSecond = float64(received) / r.MeasuredS
}

// processes says what the server and this program have used while measuring.
func (b *benchRun) processes(r *benchResult) {
	used := func(i int) *processResult {
		from, to := b.began[i], b.ended[i]
		if !from.known || !to.known {
			return nil
		}
		cpu := (to.cpu - from.cpu).Seconds()
		return &processResult{CPUS: cpu, Cores: cpu / r.MeasuredS, RSSBytes: to.rss}
	}
	r.Server, r.Tool = used(0), used(1)
	if r.Server == nil {
		return
	}
	if r.Server.CPUS > 0 {
		rate := r.Delivery.PerSecond * r.MeasuredS / r.Server.CPUS
		r.Server.DeliveriesPerCPUS = &rate
	}
	if b.idle.known && b.full.known {
		each := float64(b.full.rss-b.idle.rss) / float64(b.Consumers)
		r.Server.BytesPerConsumer = &each
	}
}

// note says what a reader of the figures should know.
func (b *benchRun) note(r *benchResult) {
	say := func(format string, args ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, args...)) }
	if r.Interrupted {
		say("interrupted after %.1f s of measuring", r.MeasuredS)
	}
	if b.Rate == 0 {
		say("events were sent as fast as the server took them, so latency shows how full the queues were")
	}
	if r.Publish.Sent < r.Publish.Due {
		say("%s events were due and could not be sent: the server does not take in this rate, or this machine does not make it", human.Group(r.Publish.Due-r.Publish.Sent))
	}
	late, latency := r.Publish.LatenessMS.P99, r.Latency.Consumers.P99
	if late != nil && latency != nil && *late > 0.5 && *late > *latency/4 {
		say("events were sent late (p99 %s), which is part of their latency: see whether this machine or the server was busy", human.Millis(late))
	}
	if busy := busyCores(r); busy > 0.9*float64(r.Machine.Cores) {
		say("the server and this program kept %.1f of %d cores busy: latency is also that of waiting for a core", busy, r.Machine.Cores)
	}
	if n := r.Delivery.ConflatedNormal; n > 0 {
		say("%s events were conflated for consumers that read at full speed: more came than they could take", human.Group(int(n)))
	}
	if n := r.Delivery.SlowDisconnects; n > 0 {
		say("slow consumers were disconnected %s times: the server's socket moved too little within its write timeout (serve --write-timeout); what they missed meanwhile counts as wrong, so let them read faster (--slow-rate), or see --stalled", human.Group(n))
	}
	if r.Delivery.Unfinished > 0 {
		say("%s consumers had not received the end of their rooms %v after the last event (--drain)", human.Group(r.Delivery.Unfinished), b.Drain)
	}
	if r.Publish.Disconnects > 0 {
		say("the publisher lost its connection %d times: events on their way were lost", r.Publish.Disconnects)
	}
}

func busyCores(r *benchResult) float64 {
	busy := 0.0
	for _, p := range []*processResult{r.Server, r.Tool} {
		if p != nil {
			busy += p.Cores
		}
	}
	return busy
}

func (b *benchRun) settings() benchSettings {
	return benchSettings{
		URL: b.publish.URL, ConsumeURLs: b.consumeURLs(), OwnServer: b.server != nil,
		Consumers: b.Consumers, Rooms: b.Rooms, Joins: b.Joins,
		Rate: b.Rate, Burst: b.Burst, Batch: b.Batch,
		ForS: b.For.Seconds(), WarmupS: b.Warmup.Seconds(),
		Slow: float64(b.Slow), SlowRate: b.SlowRate, Stalled: float64(b.Stalled), Storm: b.Storm, Seed: b.Seed, ReceiveBuffer: b.ReceiveBuffer,
	}
}
