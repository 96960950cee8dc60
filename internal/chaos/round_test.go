package chaos

import "time"

const (
	// healing is what is promised.
	healing = 5 * time.Second
	// patience is what a machine that has much else to do may take.
	patience = 2 * healing
)

// play plays one round.
func (w *world) play(s step) {
	w.t.Helper()
	w.round++
	w.t.Logf("round %d: %v", w.round, s)
	before := w.look()
	sent := w.sent()
	flows := w.flow()
	w.pause(w.between(200*time.Millisecond, 600*time.Millisecond))

	var ends, repairs []func()
	for _, name := range s.faults {
		end, repair := w.fault(name).begin(w)
		ends, repairs = append(ends, end), append(repairs, repair)
	}
	w.pause(s.hold)
	end := func() {
		for _, f := range ends {
			f()
		}
	}
	if s.early {
		end()
		w.pause(w.between(1, 500*time.Millisecond))
	}
	w.quit(flows)
	w.locally(sent)
	if !s.early {
		w.pause(s.silent)
		end()
	}
	for _, f := range flows {
		f.wait()
		f.close()
	}
	views := w.heal()
	w.counts(before, views, sent)
	w.latecomers()
	for _, f := range repairs {
		if f != nil {
			f()
		}
	}
	w.linked()
	w.stored()
}

// flow has all producers begin.
func (w *world) flow() (flows []*flow) {
	for _, p := range w.producers {
		flows = append(flows, p.start(w.t))
	}
	return flows
}

// quit has all producers end. Those of a frozen instance still wait for its answers.
func (w *world) quit(flows []*flow) {
	for _, f := range flows {
		close(f.quit)
	}
	for _, f := range flows {
		switch {
		case f.in.run == nil:
			f.close()
		case f.in.serves():
			f.wait()
		}
	}
}

// sent returns how many ticks each producer has begun to send.
func (w *world) sent() map[*producer]int {
	all := map[*producer]int{}
	for _, p := range w.producers {
		all[p] = len(p.sent)
	}
	return all
}

// locally expects that consumers have what is published at their own instance, also
// while the fault lasts. before is how much was sent in earlier rounds: its end may have
// gone with an instance that died.
func (w *world) locally(before map[*producer]int) {
	w.t.Helper()
	for _, c := range w.consumers {
		if !c.in.serves() || c.in.died == w.round {
			continue
		}
		wants := map[string]tick{} // of those whose flow has ended
		for _, instrument := range instruments {
			if all := w.of(instrument); len(all) == 1 && all[0].in == c.in && len(all[0].sent) > before[all[0]] {
				wants[instrument] = tick{all[0].number, len(all[0].sent)}
			}
		}
		var held, want tick
		var instrument string
		ok := eventually(func() bool {
			v := c.look()
			for instrument, want = range wants {
				if held = v.stays[instrument].held; held != want {
					return false
				}
			}
			return true
		})
		if !ok {
			w.t.Fatalf("%s holds %v of %s, its own instance has taken in %v", c.name, held, instrument, want)
		}
	}
}

// heal waits until all consumers hold what they must.
func (w *world) heal() []view {
	w.t.Helper()
	begun := time.Now()
	var views []view
	var problem string
	ok := eventually(func() bool {
		for _, in := range w.instances {
			in.alive()
		}
		views = w.look()
		problem = w.unhealed(views)
		return problem == ""
	})
	took := time.Since(begun)
	if !ok {
		w.t.Fatalf("round %d: not healed after %v: %s", w.round, took.Round(time.Millisecond), problem)
	}
	w.t.Logf("round %d: healed after %v", w.round, took.Round(time.Millisecond))
	if took > healing {
		w.t.Logf("round %d: that is longer than %v", w.round, healing)
	}
	for _, instrument := range instruments {
		w.newest[instrument] = w.agreed(instrument, views)
	}
	return views
}
