package doctor

import (
	"encoding/json"
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"backbone/internal/cli"
	"backbone/internal/human"
)

// finding is what a check found.
type finding struct {
	Check string `json:"check"`
	State state  `json:"state"`
	Text  string `json:"text"`
	Todo  string `json:"todo,omitempty"` // what to do; empty if all is well
}

type state string

const (
	fine   state = "ok"
	doubt  state = "warn" // it works, and something is not as it should be
	broken state = "FAIL"
)

var styles = map[state]lipgloss.Style{fine: cli.StyleOf(1), doubt: cli.StyleWarn, broken: cli.StyleOf(-1)}

// report prints findings.
type report struct {
	streams cli.Streams
	json    bool
	colored bool
	over    func() error // not nil once the user has interrupted: what is found then is no finding
	err     error        // of the first write that failed
	warned  int
	failed  int
}

// ok, warn and fail print a finding. fail returns false, for a check that the next ones need.
func (r *report) ok(check, format string, args ...any) {
	r.print(finding{check, fine, fmt.Sprintf(format, args...), ""})
}

func (r *report) warn(check, text, todo string) {
	if r.over() == nil {
		r.warned++
	}
	r.print(finding{check, doubt, text, todo})
}

func (r *report) fail(check, text, todo string) bool {
	if r.over() == nil {
		r.failed++
	}
	r.print(finding{check, broken, text, todo})
	return false
}

// textWidth is where lines of advice are broken, with what is in front of them 80 columns.
const textWidth = 61

func (r *report) print(f finding) {
	if r.err != nil || r.over() != nil {
		return
	}
	f.Text, f.Todo = cli.Printable(f.Text), cli.Printable(f.Todo)
	if r.json {
		line, err := json.Marshal(f)
		if err != nil {
			panic("doctor: a finding that cannot be encoded: " + err.Error())
		}
		r.err = r.streams.Print(append(line, '\n'))
		return
	}
	word := fmt.Sprintf("%-4s", f.State)
	if r.colored {
		word = styles[f.State].Render(word)
	}
	text := f.Text
	if f.Todo != "" {
		text += ": " + f.Todo
	}
	r.err = r.streams.Print(fmt.Appendf(nil, "%s  %-11s  %s\n", word, f.Check, strings.Join(wrap(text), "\n"+strings.Repeat(" ", 19))))
}

// wrap breaks a text into lines, at blanks alone: flags and URLs are copied from it.
func wrap(text string) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && ansi.StringWidth(line)+1+ansi.StringWidth(word) > textWidth {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// end says how it went. The error has the exit code for it.
func (r *report) end() error {
	switch {
	case r.err != nil:
		return r.err
	case r.over() != nil:
		return cli.Failf(cli.ExitFailed, "interrupted")
	case r.failed > 0:
		return cli.Failf(cli.ExitFailed, "%s failed, %d to look at", human.Things(r.failed, "check"), r.warned)
	case r.warned > 0:
		r.streams.Say("nothing failed, %d to look at", r.warned)
	default:
		r.streams.Say("all is well")
	}
	return nil
}
