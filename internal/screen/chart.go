package screen

import (
	"slices"
	"strings"
)

// The heights of a column of a chart, from an eighth of a line.
var bars = []rune("▁▂▃▄▅▆▇█")

// Sparkline draws values in one line of the given width, the newest at its right end.
func Sparkline(values []float64, width int) string {
	return Chart(values, width, 1)[0]
}

// Chart draws values in lines of the given width, from the lowest at the bottom to the highest at the
// top, the newest at the right end.
func Chart(values []float64, width, height int) []string {
	values = values[max(0, len(values)-width):]
	var low, high float64
	if len(values) > 0 {
		low, high = slices.Min(values), slices.Max(values)
	}
	levels := make([]int, len(values)) // in eighths of a line
	for i, v := range values {
		levels[i] = height*len(bars)/2 + 1
		if high > low {
			levels[i] = int((v-low)/(high-low)*float64(height*len(bars)-1)) + 1
		}
	}
	lines := make([]string, height)
	for line := range lines {
		var b strings.Builder
		b.WriteString(strings.Repeat(" ", width-len(values)))
		below := (height - 1 - line) * len(bars)
		for _, level := range levels {
			switch level -= below; {
			case level <= 0:
				b.WriteRune(' ')
			default:
				b.WriteRune(bars[min(level, len(bars))-1])
			}
		}
		lines[line] = b.String()
	}
	return lines
}
