// Package backbone_test holds the sources to the design: which package may know which,
// and what some may not contain. The rules stand in this file, each with its reason;
// what checks them in archcheck_test.go.
package backbone_test

import (
	"os"
	"testing"
)

// arrows lists every package of the module and which others of the module it imports,
// no more and no less. Test files are exempt.
var arrows = []row{
	{from: "protocol", why: "client authors copy it: it must stand alone"},
	{from: "internal/config", to: []string{"internal/proxied", "internal/rates", "internal/redisurl", "internal/serverurl"}, why: "configuration knows no part that it configures, or it would be read everywhere"},
	{from: "internal/redisurl", why: "a leaf: a Redis URL is checked as the flag and read by the bridge"},
	{from: "internal/telemetry", why: "telemetry is a leaf: others hand it their figures through what it offers"},
	{from: "internal/hostname", why: "it knows which names nobody can have, whoever is asked by them"},
	{from: "internal/admin", to: []string{"internal/hostname"}, why: "it serves pages to operators, whatever they show"},
	{from: "internal/overview", why: "whoever serves the admin pages and whoever reads them have the same types"},
	{from: "internal/handshake", to: []string{"protocol"}, why: "it reads the text of a handshake, whoever sent it, and knows no socket"},
	{from: "internal/reload", why: "it reads files again, whatever they hold"},
	{from: "internal/proxied", why: "it reads what proxies say, and knows no socket of ours"},
	{from: "internal/drain", why: "it says when clients are sent elsewhere, whatever they are"},
	{from: "internal/certs", to: []string{"internal/reload"}, why: "it has certificates for whoever listens, and takes them from files that are read again"},
	{from: "internal/rates", why: "it counts tokens, whatever they are for: the flags and the pumps know it"},
	{from: "internal/memory", why: "it watches the process, whoever is refused then"},
	{from: "internal/refusals", why: "it bounds lines of a log, whatever they are about"},
	{from: "internal/credit", why: "it is arithmetic on bytes and times, which the simulation uses too"},
	{from: "internal/serverurl", why: "the SDK and the programs read URLs alike"},
	{from: "internal/epochs", why: "the SDK and its redundant connections remember counts alike"},
	{from: "internal/awake", why: "whoever waits for another excuses alike the time in which it did not run, and the process is watched for it"},
	{from: "internal/dialer", why: "it is one socket option"},
	{from: "internal/rawio", why: "it is two system calls, whatever is read and written"},
	{from: "internal/moment", why: "it is two clocks, for whoever measures time or stamps it"},
	{from: "internal/frame", why: "both ends of a WebSocket parse frame headers with it, so it may know neither"},
	{from: "client/clienttest", to: []string{"protocol"}, why: "a server for tests of the client may not know it"},
	{from: "client", to: []string{"internal/awake", "internal/dialer", "internal/epochs", "internal/frame", "internal/serverurl", "protocol"}, why: "the SDK may know of the server only what is public on the wire"},

	{from: "client/book", to: []string{"client", "internal/epochs"}, why: "it keeps what a consumer of the SDK receives, and needs nothing of the SDK that programs do not have"},
	{from: "examples/go/*", to: []string{"client", "client/book"}, why: "it shows what a program needs: the SDK and the standard library"},
	{from: "client/redundant", to: []string{"client", "internal/epochs"}, why: "it merges what consumers of the SDK receive, and needs nothing of the SDK that programs do not have"},

	{from: "internal/hub", why: "the hub routes bytes to rooms and knows nothing else"},
	{from: "internal/partition", why: "a leaf: ingest and the bridge divide rooms alike, and neither knows the other"},
	{from: "internal/directory", why: "it tells followers of prefixes which rooms come, whoever they are and whatever a room is"},
	{from: "internal/paced", why: "it shares out time, whatever the work is"},
	{from: "internal/oldest", to: []string{"internal/hub"}, why: "it names clients of the hub in the log, whatever measured their age"},
	{from: "internal/backlog", to: []string{"internal/hub", "internal/partition"}, why: "it holds events by room for ingest and for the bridge, and knows neither"},
	{from: "internal/ingest", to: []string{"internal/backlog", "internal/credit", "internal/hub", "internal/moment", "internal/partition"}, why: "ingest orders events; the bridge comes to it through small interfaces of its own"},
	{from: "internal/bridge/wire", to: []string{"internal/hub", "internal/moment", "internal/partition"}, why: "it turns texts in Redis into events and back, and knows no connection"},
	{from: "internal/bridge/flaws", why: "it reads a text of the server, and knows no connection"},
	{from: "internal/bridge", to: []string{"internal/awake", "internal/backlog", "internal/bridge/flaws", "internal/bridge/wire", "internal/hub", "internal/moment", "internal/partition", "internal/rawio", "internal/redisurl", "internal/refusals"}, why: "the bridge carries events and knows neither clients nor domains"},
	{from: "internal/upstream", to: []string{"client", "internal/epochs", "internal/hub", "internal/moment", "internal/partition", "internal/refusals", "internal/serverurl", "protocol"}, why: "an edge is a consumer of another instance, by the SDK; it stands where the bridge stands, and knows no more of ingest"},
	{from: "internal/auth", to: []string{"internal/hostname", "protocol"}, why: "credentials become rights, whatever is done with them"},
	{from: "internal/auth/authtest", why: "it issues tokens for tests of any package"},

	{from: "internal/domain/common", to: []string{"protocol"}, why: "what the domains share knows none of them"},
	{from: "internal/domain/trading", to: []string{"internal/domain/common", "protocol"}, why: "a domain stands alone, so that another needs no change to it"},
	{from: "internal/domain/chat", to: []string{"internal/domain/common", "protocol"}, why: "a domain stands alone, so that another needs no change to it"},

	{
		from: "internal/transport",
		to:   []string{"internal/awake", "internal/auth", "internal/credit", "internal/directory", "internal/domain/common", "internal/drain", "internal/epochs", "internal/frame", "internal/handshake", "internal/hostname", "internal/hub", "internal/ingest", "internal/moment", "internal/oldest", "internal/paced", "internal/proxied", "internal/rates", "internal/rawio", "internal/refusals", "protocol"},
		why:  "an event goes from the pump to ingest to the hub; the pumps know neither Redis nor a single domain",
	},
	{
		from: "internal/httpapi",
		to:   []string{"internal/auth", "internal/domain/common", "internal/frame", "internal/hub", "internal/ingest", "internal/rates", "internal/transport", "protocol"},
		why:  "plain requests are let in by transport, and take the way of its events to ingest and of its joins to the hub; it knows no socket and no single domain",
	},
	{
		from: "internal/server",
		to: []string{
			"internal/admin", "internal/auth", "internal/awake", "internal/bridge", "internal/certs", "internal/config", "internal/directory", "internal/domain/chat", "internal/domain/common",
			"internal/domain/trading", "internal/httpapi", "internal/hub", "internal/ingest", "internal/memory", "internal/overview", "internal/reload", "internal/telemetry", "internal/transport", "internal/upstream", "protocol",
		},
		why: "the composition root, and only it, knows all parts",
	},
	{from: "internal/human", to: []string{"client"}, why: "it words numbers and errors of the SDK for whatever talks to people, and knows none of it"},
	{
		from: "internal/cli",
		to:   []string{"client", "internal/config", "internal/human", "internal/serverurl", "internal/telemetry", "protocol"},
		why:  "the kit serves all commands: it knows none of them, and no server",
	},
	{
		from: "internal/cli/serve", to: []string{"internal/cli", "internal/config", "internal/server", "internal/telemetry"},
		why: "it runs a server in this process; only demo does so too",
	},
	{
		from: "internal/cli/publish",
		to:   []string{"client", "internal/cli", "internal/config", "internal/domain/common", "internal/domain/trading", "internal/human", "internal/mapping", "internal/telemetry", "protocol"},
		why:  "it talks to a server like any client; --dry-run checks prices by the rules of the server",
	},
	{
		from: "internal/cli/rooms", to: []string{"client", "internal/cli", "internal/config", "protocol"},
		why: "it talks to a server like any client",
	},
	{
		from: "internal/cli/subscribe", to: []string{"client", "internal/cli", "internal/config", "internal/human", "protocol"},
		why: "it talks to a server like any client",
	},
	{
		from: "internal/cli/simulate", to: []string{"client", "internal/cli", "internal/config", "internal/human", "internal/market", "protocol"},
		why: "it talks to a server like any client",
	},
	{
		from: "internal/cli/record", to: []string{"client", "internal/cli", "internal/config", "internal/human", "internal/telemetry", "protocol"},
		why: "it talks to a server like any client",
	},
	{
		from: "internal/cli/send", to: []string{"client", "internal/cli", "internal/config", "internal/human", "internal/telemetry", "protocol"},
		why: "it talks to a server like any client",
	},
	{
		from: "internal/cli/exchange",
		to:   []string{"client", "internal/cli", "internal/config", "internal/feed", "internal/feed/runner", "protocol"},
		why:  "it serves the commands that read exchanges, and knows no exchange",
	},
	{
		from: "internal/cli/feed",
		to: []string{
			"client", "internal/admin", "internal/cli", "internal/cli/exchange", "internal/config", "internal/feed", "internal/feed/exchanges", "internal/feed/runner", "internal/human",
			"internal/refusals", "internal/screen", "internal/telemetry", "protocol",
		},
		why: "it talks to exchanges by their runner, and to a server like any client",
	},
	{
		from: "internal/cli/conformance", to: []string{"client", "internal/cli", "internal/config", "internal/conformance", "internal/serverurl", "protocol"},
		why: "it talks to a server like any client",
	},
	{from: "internal/cli/completion", to: []string{"internal/cli"}, why: "it reads the command line's model, whatever commands that has"},
	{from: "internal/cli/man", to: []string{"internal/cli", "internal/config", "internal/human"}, why: "it makes pages of the command line's model, whatever commands that has"},
	{from: "internal/cli/context", to: []string{"internal/cli", "internal/config"}, why: "it keeps what the kit reads"},
	{
		from: "internal/cli/doctor", to: []string{"client", "internal/cli", "internal/config", "internal/human", "internal/serverurl", "protocol"},
		why: "it looks at a server from outside, as a client and as an operator do",
	},
	{
		from: "internal/cli/ping", to: []string{"client", "internal/cli", "internal/config", "internal/human"},
		why: "it talks to a server like any client",
	},
	{from: "internal/cli/health", to: []string{"internal/cli", "protocol"}, why: "it asks an instance as an operator does"},
	{from: "internal/cli/config", to: []string{"internal/cli", "internal/config"}, why: "it prints what the configuration knows of itself"},
	{
		from: "internal/cli/top", to: []string{"internal/cli", "internal/config", "internal/human", "internal/overview", "internal/screen"},
		why: "it asks instances as an operator does, and reads what they answer",
	},
	{
		from: "internal/cli/watch", to: []string{"client", "internal/cli", "internal/config", "internal/human", "internal/screen", "protocol"},
		why: "it talks to a server like any client",
	},
	{from: "internal/cli/version", to: []string{"internal/cli"}, why: "it prints what the kit knows"},
	{from: "internal/mapping", to: []string{"internal/config", "protocol"}, why: "it turns one text into another, and knows no connection"},
	{from: "docs", why: "the program plays what a page shows, and the page knows nothing"},
	{from: "internal/conformance", to: []string{"docs", "protocol"}, why: "it plays against any server, whoever wrote it, and so knows none"},
	{from: "internal/market", why: "it invents prices, whoever publishes them"},
	{
		from: "internal/screen", to: []string{"client", "internal/cli", "internal/human", "internal/telemetry"},
		why: "it shows rooms for any command, and so knows none",
	},
	{
		from: "internal/cli/demo",
		to: []string{
			"client", "internal/cli", "internal/cli/exchange", "internal/config", "internal/feed", "internal/feed/exchanges", "internal/feed/runner",
			"internal/market", "internal/screen", "internal/server", "internal/telemetry", "protocol",
		},
		why: "it needs nothing but this program, so it runs its servers in this process",
	},
	{from: "internal/feed", to: []string{"protocol"}, why: "the contract of the exchanges knows none of them, and no connection"},
	{from: "internal/feed/*", to: []string{"internal/feed"}, why: "an exchange stands alone, and has neither a connection nor a clock nor a log"},
	{from: "internal/feed/exchanges", to: []string{"internal/feed", "internal/feed/*"}, why: "it is the list of the exchanges, and nothing else"},
	{from: "internal/feed/runner", to: []string{"internal/feed"}, why: "it keeps connections for any exchange, and knows none"},
	{from: "internal/feed/feedtest/cmd", to: []string{"internal/feed", "internal/feed/exchanges", "internal/feed/feedtest"}, why: "it runs the fake of any exchange"},
	{from: "internal/feed/feedtest", to: []string{"internal/feed", "internal/feed/runner"}, why: "it misbehaves in the name of any exchange, and knows none"},

	{from: "internal/load", to: []string{"client", "internal/human", "protocol"}, why: "it loads servers as clients do, for any command, and prints nothing"},
	{from: "internal/load/report", to: []string{"internal/human", "internal/load"}, why: "it words a result, whoever made the run"},
	{
		from: "internal/cli/bench",
		to:   []string{"internal/cli", "internal/config", "internal/human", "internal/load", "internal/load/report", "internal/telemetry"},
		why:  "its own server is a process, so that its cost can be told apart",
	},
	{
		from: "cmd/backbone",
		to: []string{
			"internal/cli", "internal/cli/bench", "internal/cli/completion", "internal/cli/config", "internal/cli/conformance", "internal/cli/context", "internal/cli/demo", "internal/cli/doctor", "internal/cli/feed", "internal/cli/health", "internal/cli/man", "internal/cli/ping", "internal/cli/publish", "internal/cli/record", "internal/cli/rooms", "internal/cli/send", "internal/cli/serve", "internal/cli/simulate", "internal/cli/subscribe", "internal/cli/top", "internal/cli/version", "internal/cli/watch", "internal/config", "internal/telemetry",
		},
		why: "it is the command line: what a command does is the command's",
	},
	{from: "internal/cli/clitest", to: []string{"internal/cli", "internal/config"}, why: "it runs a command for the tests of that command, so it may know none"},

	{from: "scripts/cross", why: "it reads the sources, and knows none of them"},
	{from: "scripts/release", why: "it builds the program and packs it, and knows its folder only"},
	{from: "scripts/distant", why: "a tool for measuring knows nothing of the program"},
	{from: "scripts/proxies", why: "a tool for measuring runs the program, and knows its commands only"},
	{from: "scripts/browser", why: "a tool for measuring runs the program, and knows its commands only"},
	{from: "scripts/joins", to: []string{"client", "internal/frame"}, why: "a tool for measuring runs the program, and talks to it like clients with and without the SDK"},
	{from: "scripts/rolling", to: []string{"client"}, why: "a tool for measuring runs the program, and talks to it like any client"},
	{from: "scripts/upgrade", to: []string{"client"}, why: "a tool for measuring runs the program, and talks to it like any client"},
	{from: "scripts/picture", why: "it runs the program in a terminal, as a person does"},

	{from: "internal/simtest", why: "it is tests and their description"},
	{from: "internal/hostile", why: "it is tests and their description"},
	{from: "internal/chaos", why: "it is tests and their description"},
	{from: "internal/proctest", to: []string{"internal/secrettest"}, why: "it runs programs for tests of any package, so it may depend on none that is tested"},
	{from: "internal/secrettest", why: "it searches what tests of any package got, so it may depend on none"},
	{from: "internal/logtest", why: "it keeps what tests of any package log, so it may depend on none"},
	{from: "internal/server/servertest", to: []string{"internal/config", "internal/secrettest", "internal/server"}, why: "it starts instances for tests of any package"},
	{from: "internal/redistest", to: []string{"internal/proctest"}, why: "it runs Redis for tests of any package, so it may depend on none that is tested"},
}

// libraries says where else than the arrows an import is forbidden, or alone allowed.
var libraries = []library{
	{path: "github.com/redis/rueidis", only: []string{"internal/bridge"}, why: "Redis can fail in any way: one package deals with it"},
	{path: "github.com/gobwas/ws", only: []string{"internal/transport"}, why: "it is the only package of the server with a socket"},
	{path: "github.com/coder/websocket", only: []string{"client", "internal/cli/doctor", "internal/conformance", "internal/feed/runner", "internal/feed/feedtest"}, why: "everything else that needs a connection to a server takes the SDK's; exchanges are no servers of ours, the doctor looks at frames, and conformance says what the SDK never does"},

	{path: "github.com/golang-jwt/jwt", only: []string{"internal/auth", "internal/auth/authtest"}, why: "one package decides which tokens are good"},

	{path: "net", not: "internal/hub", why: "the hub has queues, no connections; net/http is the transport's"},
	{path: "encoding/json", not: "internal/hub", why: "the hub never looks into a payload"},
	{path: "github.com/go-json-experiment/json", not: "internal/hub", why: "the hub never looks into a payload"},
	{path: "github.com/redis", not: "internal/hub", why: "the hub never waits, and so never for Redis"},
	{path: "sync", not: "internal/hub", why: "one goroutine owns all routing state: there is nothing to lock"},
	{path: "golang.org/x/sync", not: "internal/hub", why: "one goroutine owns all routing state: there is nothing to lock"},
}

// tests lists imports that are forbidden to test files too.
var tests = []library{
	{path: "backbone/internal/domain/chat", not: "internal/domain/trading", why: "a domain stands alone"},
	{path: "backbone/internal/domain/trading", not: "internal/domain/chat", why: "a domain stands alone"},
}

// standardOnly lists the packages that import nothing but the standard library.
var standardOnly = map[string]string{
	"internal/frame": "the SDK imports it, and needs no WebSocket library of the server's for it",
	"protocol":       "whoever writes a client takes this package without a dependency",
}

// singleGoroutine lists the packages without a go statement and without a mutex.
var singleGoroutine = map[string]string{
	"internal/hub": "the server starts its one Run, and a second goroutine would need a lock",
}

// The size of a file and of a folder that are still read as a whole. Test files are exempt.
const (
	maxLines = 300
	maxFiles = 25 // of one folder
)

func TestArch(t *testing.T) {
	t.Parallel()
	found, err := check(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}
