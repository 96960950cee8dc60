package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"backbone/internal/cli"
	"backbone/internal/load"
	"backbone/internal/load/report"
)

// Compare is the command that compares two runs.
type Compare struct {
	First  string `arg:"" placeholder:"FIRST.json" help:"Result of a run, as bench --json prints it."`
	Second string `arg:"" placeholder:"SECOND.json" help:"Result of a later run."`

	FailAbove *percent `group:"Output" placeholder:"PERCENT" help:"End with code 6 if the second run is worse by more than that, such as 10%, in the latency p50 or p99, or in what was published or delivered a second, or if more went wrong."`
}

// Help is the examples of this command.
func (*Compare) Help() string {
	return `backbone bench --json > before.json
backbone bench compare before.json after.json
backbone bench compare before.json after.json --fail-above 10%`
}

// percent is a part of a whole, which can be more than that.
type percent float64

// UnmarshalText reads 10%.
func (p *percent) UnmarshalText(text []byte) error {
	number, sign := strings.CutSuffix(string(text), "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !sign || !(v >= 0 && v <= 1e6) {
		return fmt.Errorf("expected a percentage of at least 0%%, such as 10%%, not %q", text)
	}
	*p = percent(v / 100)
	return nil
}

// Run prints how the runs differ.
func (c *Compare) Run(s cli.Streams) error {
	first, err := readResult(c.First)
	if err != nil {
		return err
	}
	second, err := readResult(c.Second)
	if err != nil {
		return err
	}
	compared := report.Compare(first, second)
	if err := s.Print([]byte(compared.Text(c.First, c.Second))); err != nil {
		return err
	}
	if c.FailAbove == nil {
		return nil
	}
	var worse []string
	for _, change := range compared.Changes {
		most := float64(*c.FailAbove)
		if change.Name == "wrong" {
			most = 0
		}
		if change.Judged && change.Worse > most {
			worse = append(worse, change.Name)
		}
	}
	if len(worse) > 0 {
		return cli.Failf(cli.ExitRejected, "the second run is worse by more than %g%%: %s", 100*float64(*c.FailAbove), strings.Join(worse, ", "))
	}
	return nil
}

// readResult reads what bench --json has printed.
func readResult(path string) (*load.Result, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(load.Result)
	if err := json.Unmarshal(text, r); err != nil || r.Begun.IsZero() || r.MeasuredS <= 0 {
		return nil, cli.Failf(cli.ExitUsage, "%s: is not the result of a run: make one with \"backbone bench --json > FILE\"", path)
	}
	return r, nil
}
