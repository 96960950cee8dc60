package load

import (
	"math"

	"backbone/internal/human"
)

// result sums up a run that has ended.
func (r *run) result(interrupted bool) *Result {
	window := (r.end - r.begin).Seconds()
	p, kinds := r.publisher, r.recorder.kinds
	res := &Result{
		Begun:       r.stage.clock.begin,
		Settings:    r.settings(),
		MeasuredS:   window,
		Interrupted: interrupted,
		Connect:     r.connected.result(),
		Publish: Publish{
			Due: p.due, Sent: p.measured, PerSecond: float64(p.measured) / window,
			LatenessMS: percentilesOf(p.lag),
			Rejected:   int(r.rejected.Load()), Disconnects: int(r.disconnects.Load()),
		},
		Delivery:   r.delivery(),
		Latency:    Latency{Consumers: percentilesOf(kinds[normalConsumer])},
		Notes:      []string{},
		Histograms: Histograms{Consumers: kinds[normalConsumer]},
	}
	select {
	case err := <-r.firstRejected:
		res.Publish.Rejection = human.Error(err)
	default:
	}
	if r.Slow > 0 {
		slow := percentilesOf(kinds[slowConsumer])
		res.Latency.Slow, res.Histograms.Slow = &slow, kinds[slowConsumer]
	}
	if r.SlowReaders > 0 {
		res.Readers = r.readers()
	}
	if r.stormed != nil {
		r.storm(res)
	}
	r.course(res)
	r.processes(res)
	return res
}

// readers is how the slow readers fared. Their tallies are settled.
func (r *run) readers() *Readers {
	all := &Readers{Age: percentilesOf(r.recorder.kinds[slowReader])}
	for _, c := range r.standing {
		if c.kind != slowReader {
			continue
		}
		if c.disconnects > 0 {
			all.CutOff++
		}
		all.Conflated += c.tally.Conflated
	}
	return all
}

// storm adds what became of the storm.
func (r *run) storm(res *Result) {
	storm, around := percentilesOf(r.recorder.kinds[stormConsumer]), r.recorder.phases
	res.Latency.Storm = &storm
	res.Storm = &Storm{
		Connect: r.stormed.result(), StartS: (r.stormAt - r.begin).Seconds(),
		Before: percentilesOf(around[phaseBefore]), During: percentilesOf(around[phaseStorm]), After: percentilesOf(around[phaseAfter]),
	}
	h := &res.Histograms
	h.Before, h.During, h.After = around[phaseBefore], around[phaseStorm], around[phaseAfter]
}

func (a *arrival) result() Connect {
	r := Connect{Joined: a.joined, Failed: a.failed, TookS: a.took.Seconds(), LatencyMS: percentilesOf(a.latency)}
	if a.joined > 0 {
		r.PerSecond = float64(a.joined) / a.took.Seconds()
	}
	if a.err != nil {
		r.Error = human.Error(a.err)
	}
	return r
}

// delivery settles what did not come and adds up all consumers.
func (r *run) delivery() Delivery {
	var d Delivery
	var all Tally
	for _, f := range []fleet{r.standing, r.newcomers} {
		for _, c := range f {
			switch {
			case c.kind == stalledConsumer:
				d.StalledConsumers++
				d.StalledDisconnects += c.disconnects
				continue
			case c.conn == nil:
				continue
			}
			c.settle(r.publisher.seqs)
			all.Add(c.tally)
			if c.kind == normalConsumer {
				d.ConflatedNormal += c.tally.Conflated
			}
			if c.kind == slowConsumer {
				d.SlowDisconnects += c.disconnects
			}
			if d.Disconnects += c.disconnects; c.disconnects > 0 {
				d.DisconnectError = human.Error(c.lastError)
			}
		}
	}
	d.Delivered, d.Snapshots, d.Conflated = all.Delivered, all.Snapshots, all.Conflated
	d.Lost, d.Missed, d.Miscounted, d.Malformed = all.Lost, all.Missed, all.Miscounted, all.Malformed
	d.Duplicated, d.OutOfOrder = all.Duplicated, all.Disordered
	d.Unfinished = r.unfinished
	return d
}

// course is the series of a run.
func (r *run) course(res *Result) {
	length := r.stage.interval.Seconds()
	res.IntervalS = length
	measured := int(math.Ceil((r.end-r.begin).Seconds()/length - 1e-6))
	received := 0
	for i, in := range r.recorder.series {
		if i < measured {
			received += in.delivered
		}
		part := Interval{
			TS: float64(i) * length, Delivered: in.delivered, Conflated: in.conflated,
			Percentiles: percentilesOf(in.latency),
		}
		if in.age != nil {
			age := percentilesOf(in.age)
			part.Age = &age
		}
		res.Series = append(res.Series, part)
	}
	res.Delivery.PerSecond = float64(received) / res.MeasuredS
}

// processes says what the server and this program have used while measuring.
func (r *run) processes(res *Result) {
	used := func(from, to usage) *Process {
		if !from.known || !to.known {
			return nil
		}
		cpu := (to.cpu - from.cpu).Seconds()
		return &Process{CPUS: cpu, Cores: cpu / res.MeasuredS, RSSBytes: to.rss}
	}
	res.Server, res.Tool = used(r.began.server, r.ended.server), used(r.began.tool, r.ended.tool)
	if res.Server == nil {
		return
	}
	if res.Server.CPUS > 0 {
		rate := res.Delivery.PerSecond * res.MeasuredS / res.Server.CPUS
		res.Server.DeliveriesPerCPUS = &rate
	}
	if r.idle.known && r.full.known {
		each := float64(r.full.rss-r.idle.rss) / float64(r.Consumers+r.SlowReaders)
		res.Server.BytesPerConsumer = &each
	}
}

func (r *run) settings() Settings {
	return Settings{
		URL: r.PublishTo, ConsumeURLs: r.ConsumeFrom,
		Consumers: r.Consumers, Rooms: r.Rooms, Joins: r.Joins,
		Rate: r.Rate, Burst: r.Burst, Batch: r.Batch,
		ForS: r.For.Seconds(), WarmupS: r.Warmup.Seconds(),
		Slow: float64(r.Slow), SlowRate: r.SlowRate, Stalled: float64(r.Stalled),
		SlowReaders: r.SlowReaders, ReadRate: float64(r.ReadRate),
		Storm: r.Storm, Seed: r.Seed, ReceiveBuffer: r.ReceiveBuffer,
	}
}
