package main

import (
	"strconv"
	"time"

	"backbone/internal/config"
)

// minRate is the lowest rate that flags take, about one event a day: the time between two
// events must not grow beyond what a duration holds.
const minRate = 1e-5

// gap is the time between two events of a rate that was checked.
func gap(perSecond float64) time.Duration {
	return time.Duration(float64(time.Second) / perSecond)
}

// checkRate refuses rates that nothing can keep, NaN among them.
func checkRate(flag string, perSecond, most float64) error {
	if !(perSecond >= minRate && perSecond <= most) {
		return config.Errorf(flag, "must be from %s to %s, not %v", decimal(minRate), decimal(most), perSecond)
	}
	return nil
}

// checkRateOrNone is checkRate for a rate that may also be 0, which is none.
func checkRateOrNone(flag string, perSecond, most float64) error {
	if perSecond != 0 && checkRate(flag, perSecond, most) != nil {
		return config.Errorf(flag, "must be 0, or from %s to %s, not %v", decimal(minRate), decimal(most), perSecond)
	}
	return nil
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
