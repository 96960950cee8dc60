package credit

import "time"

// watch is what a window knows while it is watched.
type watch struct {
	marks   []mark        // under way, in order
	lastRTT time.Duration // of the mark that was answered last

	clock time.Duration // of the last call
	awake time.Duration // time that passed without pauses

	goodput float64       // bytes a second that a slow reader takes; 0: unknown
	from    uint64        // bytes at the begin of the interval in which goodput is measured
	fromAt  time.Duration // begin of that interval; negative: the reader has nothing to read

	waitSince time.Duration // awake, when what waits was refused first
	waitCount int           // of the batches that have waited since then
	refused   time.Duration // awake, when something was refused last
	heard     time.Duration // awake, when the reader answered last or got a trickle
}

// mark is a mark under way.
type mark struct {
	number uint64
	end    uint64        // bytes of the stream up to its end
	at     time.Duration // when it was sent
	awake  time.Duration // when it was sent, by the time without pauses
	after  time.Duration // since the mark before it
	covers int           // bytes since the mark before it
}
