package backbone_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// sound returns a tree in which every row of the table holds, and nothing else is.
func sound() fstest.MapFS {
	tree := fstest.MapFS{}
	for _, r := range arrows {
		var b strings.Builder
		from := strings.ReplaceAll(r.from, "*", "each")
		fmt.Fprintf(&b, "package %s\n", path.Base(from))
		for _, to := range r.to {
			fmt.Fprintf(&b, "import _ %q\n", module+"/"+strings.ReplaceAll(to, "*", "each"))
		}
		tree[from+"/doc.go"] = &fstest.MapFile{Data: []byte(b.String())}
	}
	return tree
}

func TestArchOfASoundTree(t *testing.T) {
	t.Parallel()
	if found, err := check(sound()); err != nil || len(found) > 0 {
		t.Errorf("%q, %v", found, err)
	}
}

func TestArchFindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ file, text, want string }{
		// The hub.
		{"internal/hub/x.go", `import "github.com/redis/rueidis"`, "internal/hub must not import github.com/redis/rueidis: the hub never waits"},
		{"internal/hub/x.go", `import "encoding/json"`, "internal/hub must not import encoding/json: the hub never looks into a payload"},
		{"internal/hub/x.go", `import "github.com/go-json-experiment/json/jsontext"`, "internal/hub must not import github.com/go-json-experiment/json/jsontext: the hub never looks"},
		{"internal/hub/x.go", `import "net"`, "internal/hub must not import net: the hub has queues"},
		{"internal/hub/x.go", `import "net/http"`, "internal/hub must not import net/http: the hub has queues"},
		{"internal/hub/x.go", `import "sync"`, "internal/hub must not import sync: one goroutine owns"},
		{"internal/hub/x.go", `import . "sync/atomic"`, "internal/hub must not import sync/atomic: one goroutine owns"},
		{"internal/hub/x_windows.go", `import "golang.org/x/sync/errgroup"`, "internal/hub must not import golang.org/x/sync/errgroup: one goroutine owns"},
		{"internal/hub/x.go", `import "backbone/protocol"`, "internal/hub must not import backbone/protocol: the hub routes bytes"},
		{"internal/hub/x.go", `func f() { go f() }`, "internal/hub must not start a goroutine"},
		{"internal/hub/x.go", `func f() { func() { if true { go f() } }() }`, "internal/hub must not start a goroutine"},
		{"internal/hub/x.go", `type t struct { mu Mutex }`, "internal/hub must not have a Mutex"},
		{"internal/hub/x.go", `type t struct { x.RWMutex }`, "internal/hub must not have a RWMutex"},
		// Arrows.
		{"internal/domain/chat/x.go", `import "backbone/internal/domain/trading"`, "internal/domain/chat must not import backbone/internal/domain/trading: a domain stands alone"},
		{"internal/domain/chat/x_test.go", `import "backbone/internal/domain/trading"`, "internal/domain/chat must not import backbone/internal/domain/trading: a domain stands alone"},
		{"internal/domain/trading/x.go", `import "backbone/internal/domain/chat"`, "internal/domain/trading must not import backbone/internal/domain/chat: a domain stands alone"},
		{"internal/domain/common/x.go", `import "backbone/internal/domain/chat"`, "internal/domain/common must not import backbone/internal/domain/chat: what the domains share"},
		{"protocol/x.go", `import "backbone/internal/hub"`, "protocol must not import backbone/internal/hub: client authors"},
		{"protocol/x.go", `import "golang.org/x/text/width"`, "protocol must not import golang.org/x/text/width: whoever writes a client"},
		{"internal/ingest/x.go", `import "backbone/internal/bridge"`, "internal/ingest must not import backbone/internal/bridge: ingest orders events"},
		{"internal/transport/x.go", `import "backbone/internal/domain/trading"`, "internal/transport must not import backbone/internal/domain/trading: an event goes"},
		{"client/x.go", `import "` + module + `"`, "client must not import " + module + ": the SDK"},
		{"internal/feed/new/x.go", `import "backbone/internal/feed/runner"`, "internal/feed/new must not import backbone/internal/feed/runner: an exchange stands alone"},
		{"internal/feed/new/x.go", `import "backbone/internal/feed/each"`, "internal/feed/new must not import backbone/internal/feed/each: an exchange stands alone"},
		{"internal/feed/new/below/x.go", ``, "package internal/feed/new/below has no row"},
		{"internal/feed/each/x.go", `import "github.com/coder/websocket"`, "internal/feed/each must not import github.com/coder/websocket: everything else"},
		{"internal/other/x.go", ``, "package internal/other has no row"},
		{"x.go", ``, "package . has no row"},
		{"internal/cli/x.go", `import "backbone/internal/cli/publish"`, "internal/cli must not import backbone/internal/cli/publish: the kit"},
		{"internal/cli/publish/x.go", `import "backbone/internal/server"`, "internal/cli/publish must not import backbone/internal/server: it talks to a server like"},
		{"internal/cli/bench/x.go", `import "backbone/internal/server"`, "internal/cli/bench must not import backbone/internal/server: its own server is a process"},
		{"internal/cli/demo/x.go", `import "backbone/internal/cli/subscribe"`, "internal/cli/demo must not import backbone/internal/cli/subscribe: it needs"},
		{"internal/load/x.go", `import "backbone/internal/cli"`, "internal/load must not import backbone/internal/cli: it loads servers"},
		{"internal/screen/x.go", `import "backbone/internal/market"`, "internal/screen must not import backbone/internal/market: it shows rooms"},
		{"internal/cli/serve/x.go", `import "backbone/internal/server/servertest"`, "internal/cli/serve must not import backbone/internal/server/servertest: it runs"},
		// Sizes.
		{"internal/hub/x.go", strings.Repeat("\n", maxLines), "301 lines, at most 300"},
		// Libraries.
		{"internal/server/x.go", `import "github.com/redis/rueidis"`, "internal/server must not import github.com/redis/rueidis: Redis can fail"},
		{"internal/ingest/x.go", `import "github.com/redis/rueidis/rueidislock"`, "internal/ingest must not import github.com/redis/rueidis/rueidislock: Redis can fail"},
		{"internal/server/x.go", `import "github.com/gobwas/ws/wsutil"`, "internal/server must not import github.com/gobwas/ws/wsutil: it is the only package"},
		{"cmd/backbone/x.go", `import "github.com/coder/websocket"`, "cmd/backbone must not import github.com/coder/websocket: everything else"},
		// Code.
		{"internal/auth/x.go", `func init() {}`, "func init: what happens on import"},
		{"internal/auth/x.go", `import "os"; func f() { os.Exit(1) }`, "os.Exit outside of package main"},
		{"internal/auth/x.go", `import "log"; func f() { log.Fatalf("") }`, "log.Fatalf outside of package main"},
		{"internal/auth/x.go", `var table = make(map[string]int)`, "package variable table"},
		{"internal/auth/x.go", `var c chan int`, "package variable c"},
		{"internal/auth/x.go", `import "sync"; var mu sync.Mutex`, "package variable mu"},
		{"internal/auth/x.go", `import "sync"; var pool = &sync.Pool{}`, "package variable pool"},
		{"internal/auth/x.go", `import "sync/atomic"; var p atomic.Pointer[int]`, "package variable p"},
	} {
		tree := sound()
		tree[tt.file] = &fstest.MapFile{Data: []byte("package x\n" + tt.text)}
		found, err := check(tree)
		if err != nil || !slices.ContainsFunc(found, func(v string) bool { return strings.Contains(v, tt.want) }) {
			t.Errorf("%s with %s\n got %q, %v\nwant %s", tt.file, tt.text, found, err, tt.want)
		}
		for _, v := range found {
			if !strings.HasPrefix(v, tt.file+":") {
				t.Errorf("%s with %s: %s", tt.file, tt.text, v)
			}
		}
	}
}

func TestArchFindsStaleRows(t *testing.T) {
	t.Parallel()
	tree := sound()
	tree["internal/handshake/doc.go"] = &fstest.MapFile{Data: []byte("package handshake")}
	// A test file keeps no row alive.
	tree["internal/handshake/x_test.go"] = &fstest.MapFile{Data: []byte("package handshake; import _ \"backbone/protocol\"")}
	delete(tree, "internal/telemetry/doc.go")
	found, err := check(tree)
	want := []string{"stale row: internal/handshake does not import protocol", "stale row: there is no package internal/telemetry"}
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("%q, %v", found, err)
	}
}

func TestArchLeavesAlone(t *testing.T) {
	t.Parallel()
	for file, text := range map[string]string{
		"internal/hub/x_test.go":          `package hub; import "sync"; func f() { go f() }; func init() {}; var mu sync.Mutex`,
		"internal/domain/x_test.go":       `package domain_test; import _ "backbone/internal/domain/chat"; import _ "backbone/internal/domain/trading"`,
		"internal/hub/testdata/x.go":      `package x; import "sync"`,
		"tools/go.mod":                    `module tools`,
		"tools/x.go":                      `package x; import "backbone/internal/hub"`,
		".git/x.go":                       `no Go at all`,
		"cmd/backbone/x.go":               `package main; import "os"; func main() { os.Exit(1) }`,
		"internal/auth/x.go":              `package auth; var names = []string{"a"}; type t struct{}; func (t) init() {}; const c = 1`,
		"internal/bridge/x.go":            `package bridge; import _ "github.com/redis/rueidis"`,
		"internal/telemetry/x.go":         `package telemetry; import _ "net/http"; import _ "encodings"; func f() { go f() }`,
		"internal/domain/common/notes.md": `import "sync"`,
		"internal/auth/long_test.go":      "package auth" + strings.Repeat("\n", 2*maxLines),
		"internal/auth/full.go":           "package auth" + strings.Repeat("\n", maxLines), // 300 lines
	} {
		tree := sound()
		tree[file] = &fstest.MapFile{Data: []byte(text)}
		if path.Dir(file) == "tools" {
			tree["tools/go.mod"] = &fstest.MapFile{Data: []byte("module tools")}
		}
		if found, err := check(tree); err != nil || len(found) > 0 {
			t.Errorf("%s: %q, %v", file, found, err)
		}
	}
}

func TestArchFindsAFolderWithTooManyFiles(t *testing.T) {
	t.Parallel()
	tree := sound()
	for i := range maxFiles { // doc.go is there already
		tree[fmt.Sprintf("internal/hub/x%d_test.go", i)] = &fstest.MapFile{Data: []byte("package hub")}
		if found, err := check(tree); err != nil || len(found) > 0 {
			t.Fatalf("with %d test files: %q, %v", i+1, found, err)
		}
	}
	for i := range maxFiles - 1 {
		tree[fmt.Sprintf("internal/hub/x%d.go", i)] = &fstest.MapFile{Data: []byte("package hub")}
	}
	if found, err := check(tree); err != nil || len(found) > 0 {
		t.Fatalf("with %d files: %q, %v", maxFiles, found, err)
	}
	tree["internal/hub/last.go"] = &fstest.MapFile{Data: []byte("package hub")}
	found, err := check(tree)
	if want := []string{"internal/hub: 26 files, at most 25: give each subject a package of its own"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("%q, %v", found, err)
	}
}

func TestArchReportsWhatIsNotGo(t *testing.T) {
	t.Parallel()
	tree := sound()
	tree["internal/hub/x.go"] = &fstest.MapFile{Data: []byte("package hub\nfunc {")}
	if _, err := check(tree); err == nil || !strings.Contains(err.Error(), "internal/hub/x.go:2") {
		t.Errorf("%v", err)
	}
}
