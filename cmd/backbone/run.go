package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"backbone/internal/cli"
	"backbone/internal/cli/bench"
	"backbone/internal/cli/completion"
	settings "backbone/internal/cli/config"
	"backbone/internal/cli/conformance"
	servers "backbone/internal/cli/context"
	"backbone/internal/cli/demo"
	"backbone/internal/cli/doctor"
	"backbone/internal/cli/feed"
	"backbone/internal/cli/health"
	"backbone/internal/cli/man"
	"backbone/internal/cli/ping"
	"backbone/internal/cli/publish"
	"backbone/internal/cli/record"
	"backbone/internal/cli/rooms"
	"backbone/internal/cli/send"
	"backbone/internal/cli/serve"
	"backbone/internal/cli/simulate"
	"backbone/internal/cli/subscribe"
	"backbone/internal/cli/top"
	"backbone/internal/cli/version"
	"backbone/internal/cli/watch"
	"backbone/internal/config"
)

// program is the command line: each field is a subcommand or a flag that all have.
type program struct {
	Config config.File `placeholder:"FILE" help:"YAML or JSON file whose keys are names of flags. The environment and flags override it."`

	Serve     serve.Cmd     `cmd:"" help:"Run an instance of the backbone."`
	Publish   publish.Cmd   `cmd:"" help:"Publish prices: one from flags, or JSON lines from a file or standard input."`
	Feed      feed.Cmd      `cmd:"" help:"Publish the prices of an exchange."`
	Subscribe subscribe.Cmd `cmd:"" help:"Join rooms and print what they receive."`
	Record    record.Cmd    `cmd:"" help:"Record what rooms receive, for publish to play back."`
	Rooms     rooms.Cmd     `cmd:"" help:"List the rooms that have a price."`
	Send      send.Cmd      `cmd:"" help:"Send chat messages to a room: one from the command line, or each line of standard input."`
	Watch     watch.Cmd     `cmd:"" help:"Show the prices of rooms on a terminal while they change."`
	Simulate  simulate.Cmd  `cmd:"" help:"Publish the prices of a simulated market."`
	Demo      demo.Cmd      `cmd:"" help:"Watch a simulated market on a server of its own. Needs nothing else."`
	Bench     bench.Cmd     `cmd:"" help:"Put a server under load and measure latency and throughput. Starts a server if no URL is given."`
	Health    health.Cmd    `cmd:"" help:"Ask an instance whether it is ready, for images without curl."`
	Settings  settings.Cmd  `cmd:"" name:"config" help:"Check a configuration file, show the settings, or print an example."`
	Top       top.Cmd       `cmd:"" help:"Watch clients, rooms and the bridge of instances, with the slow clients first and why they are slow."`
	Ping      ping.Cmd      `cmd:"" help:"Measure how long a server takes to answer."`
	Doctor    doctor.Cmd    `cmd:"" help:"Say what is wrong between this machine and a server, and what to do."`
	Context   servers.Cmd   `cmd:"" help:"Give servers names, and choose the one that commands connect to."`
	Version   version.Cmd   `cmd:"" help:"Print the version."`

	Conformance conformance.Cmd  `cmd:"" help:"Play the examples of the protocol against a server, and print where it differs."`
	Completion  completion.Cmd   `cmd:"" help:"Print the script by which a shell completes commands, flags and values."`
	Man         man.Cmd          `cmd:"" help:"Print the manual page of a command, or write those of all."`
	Complete    completion.Words `cmd:"" hidden:"" name:"__complete" help:"Print what can stand at a place of a command line, for the scripts of completion."`
}

// Help is the examples of the program: the way from nothing to a price on a terminal.
func (*program) Help() string {
	return `backbone demo                    # a market on a server of its own
backbone serve                   # a server, on ws://127.0.0.1:8080
backbone subscribe BTC_USDT      # in another terminal
backbone publish --instrument BTC_USDT --price 60214.30
backbone help publish`
}

const description = `A backbone for real-time events over WebSocket.

Data goes to standard output, everything else to standard error: pretty on a
terminal, one JSON object a line in a pipe. Each flag can also be set in the
environment and in the file named by --config: --max-rooms is BACKBONE_MAX_ROOMS
in the environment, and the key max-rooms in the file.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 cannot connect, 4 refused,
5 timed out without data, 6 something was rejected or lost.`

// run runs the program and returns its exit code. It ends soon after ctx does.
func run(ctx context.Context, args []string, operator *cli.Operator, s cli.Streams) int {
	var (
		lines  config.Lines
		strays config.Strays
		helped bool
	)
	parser := newParser(&lines,
		kong.Description(description),
		kong.Writers(cli.WriterFunc(s.Print), s.Err),
		kong.Exit(func(int) { helped = true }), // called once --help has been printed
		kong.Help(help),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, NoAppDescFormat: true, WrapUpperBound: 100}),
		kong.ValueFormatter(describe),
		config.RefuseEmpty(),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s, operator, &strays, settings.Parse(parse), completion.Command(selected), man.Describe(describe)),
	)
	k, err := parser.Parse(negativeNumbers(usual(args)))
	if helped || errors.Is(err, cli.ErrReaderGone) {
		return cli.ExitDone
	}
	if err != nil {
		return cli.Finish(s, usage(err, &lines))
	}
	if err := config.RefuseSecretFlags(k); err != nil {
		return cli.Finish(s, usage(err, &lines))
	}
	strays = config.FindStrays(parser.Model, os.Environ(), cli.APIKeyVariable, cli.TokenVariable)
	if k.Command() != "serve" { // which logs them, and heeds the operator
		operator.Decline()
		for _, stray := range strays {
			s.Say("backbone: %s", stray)
		}
	}
	if c, ok := k.Selected().Target.Addr().Interface().(interface{ Within() string }); ok && c.Within() != "" {
		s.Say("context %s", c.Within())
	}
	return cli.Finish(s, k.Run())
}

// newParser returns a parser of the command line. lines learns what the file holds.
func newParser(lines *config.Lines, options ...kong.Option) *kong.Kong {
	parser, err := kong.New(new(program), append(options, kong.Name("backbone"), kong.Bind(lines), config.Env())...)
	if err != nil {
		panic("backbone: a tag of the command line is wrong: " + err.Error())
	}
	return parser
}

// parse parses a command line that is not to be run.
func parse(args ...string) error {
	var lines config.Lines
	if _, err := newParser(&lines).Parse(args); err != nil {
		return lines.Locate(config.Of(err))
	}
	return nil
}

// selected is the command of a command line that is not to be run.
func selected(args ...string) (any, error) {
	k, err := newParser(new(config.Lines), kong.NoDefaultHelp()).Parse(negativeNumbers(args))
	if err != nil {
		return nil, err
	}
	return k.Selected().Target.Addr().Interface(), nil
}

// usage turns an error of the command line into the error that is reported.
func usage(err error, lines *config.Lines) error {
	if errors.As(err, new(*fs.PathError)) { // a named file that cannot be opened
		return err
	}
	hint := "backbone --help"
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context != nil {
		if n := parse.Context.Selected(); n != nil {
			if n.Hidden { // the command that its parent is by itself
				n = n.Parent
			}
			hint = n.FullPath() + " --help"
		} else if strings.HasPrefix(err.Error(), "expected one of") {
			err = fmt.Errorf("expected a command: %s", commands(parse.Context.Kong))
		} else if rest, unknown := strings.CutPrefix(err.Error(), "unexpected argument "); unknown {
			err = fmt.Errorf("there is no command %s", rest)
			if !strings.Contains(rest, "did you mean") {
				err = fmt.Errorf("%w: expected one of %s", err, commands(parse.Context.Kong))
			}
		}
	}
	return cli.Failf(cli.ExitUsage, "%v (see %s)", lines.Locate(config.Of(err)), hint)
}
