package reload_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"backbone/internal/logtest"
	"backbone/internal/reload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a Reloader that runs in a bubble, one file, and what the file was last taken for.
type bench struct {
	*testing.T
	r     *reload.Reloader
	log   logtest.Log
	path  string
	taken atomic.Pointer[string]
}

// in runs test in a bubble, with a file that holds "first".
func in(t *testing.T, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, path: filepath.Join(t.TempDir(), "file")}
		b.r = reload.New(slog.New(slog.NewTextHandler(&b.log, nil)))
		b.write("first")
		if err := b.r.Watch("the-file", []string{b.path}, b.apply); err != nil {
			t.Fatal(err)
		}
		go b.r.Run(t.Context())
		test(b)
	})
}

// apply takes any text but one that begins with "bad".
func (b *bench) apply(files []reload.File) (string, error) {
	text := string(files[0].Text)
	if strings.HasPrefix(text, "bad") {
		return "", errors.New("line 1 is bad")
	}
	b.taken.Store(&text)
	return "now " + text, nil
}

func (b *bench) write(text string) {
	b.Helper()
	if err := os.WriteFile(b.path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// pass lets time pass, and what is due in it happen.
func (b *bench) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bench) want(text string) {
	b.Helper()
	if got := *b.taken.Load(); got != text {
		b.Errorf("in use is %q, want %q; log:\n%s", got, text, b.log.String())
	}
}

func (b *bench) status(n uint64, failed bool) {
	b.Helper()
	if s := b.r.Status()[0]; s.Name != "the-file" || s.Errors != n || s.Failed != failed || s.Taken.IsZero() {
		b.Errorf("status %+v, want %d errors, failed %t; log:\n%s", s, n, failed, b.log.String())
	}
}

func (b *bench) logged(n int, text string) {
	b.Helper()
	if got := strings.Count(b.log.String(), text); got != n {
		b.Errorf("logged %q %d times, want %d:\n%s", text, got, n, b.log.String())
	}
}

func TestEveryWayToReplaceAFileIsNoticedWithinASecond(t *testing.T) {
	t.Parallel()
	aside := func(b *bench) string {
		other := b.path + ".new"
		b.must(os.WriteFile(other, []byte("second"), 0o600))
		return other
	}
	for name, replace := range map[string]func(b *bench){
		"written in place": func(b *bench) { b.write("second") },
		"renamed over":     func(b *bench) { b.must(os.Rename(aside(b), b.path)) },
		"removed and made again": func(b *bench) {
			b.must(os.Remove(b.path))
			b.pass(5 * reload.Every)
			b.want("first")
			b.write("second")
		},
		"its directory made again": func(b *bench) {
			dir := filepath.Dir(b.path)
			b.must(os.RemoveAll(dir))
			b.pass(reload.Every)
			b.must(os.Mkdir(dir, 0o700))
			b.write("second")
		},
		"a symbolic link": func(b *bench) {
			b.must(os.Remove(b.path))
			b.must(os.Symlink(aside(b), b.path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, func(b *bench) {
				replace(b)
				b.pass(time.Second - 1)
				b.want("second")
				b.logged(1, `level=INFO msg=reloaded what=the-file changed="now second"`)
				b.logged(0, "level=ERROR")
			})
		})
	}
}

func TestAFileThatIsBeingWrittenIsNotTakenForAShortOne(t *testing.T) {
	t.Parallel()
	in(t, func(b *bench) {
		for _, part := range []string{"", "sec", "secon"} {
			b.write(part)
			b.pass(reload.Every)
			b.want("first")
		}
		b.write("second")
		b.pass(time.Second - 1)
		b.want("second")
		b.logged(1, "msg=reloaded")
	})
}

func TestWhatCannotBeUsedIsToldOnceItLastsAndOnlyOnce(t *testing.T) {
	t.Parallel()
	in(t, func(b *bench) {
		b.write("bad")
		b.pass(reload.Patience - reload.Every)
		b.status(0, false)
		b.logged(0, "level")
		b.pass(time.Minute)
		b.want("first")
		b.status(1, true)
		b.logged(1, `level=ERROR msg="not reloaded: what was read before stays in use" what=the-file err="line 1 is bad"`)
		b.write("bad in another way")
		b.pass(time.Minute)
		b.status(2, true)
		b.write("good")
		b.pass(time.Second)
		b.want("good")
		b.status(2, false)
		b.must(os.Remove(b.path))
		b.pass(time.Minute)
		b.want("good")
		b.status(3, true)
		b.write("good")
		b.pass(time.Second)
		b.status(3, false)
		b.logged(1, "the files hold again what is in use")
	})
}

func TestTwoFilesCanBeReplacedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Log
		r, dir := reload.New(slog.New(slog.NewTextHandler(&log, nil))), t.TempDir()
		var taken atomic.Pointer[string]
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("cert", "1")
		write("key", "1")
		if err := r.Watch("pair", []string{filepath.Join(dir, "cert"), filepath.Join(dir, "key")}, func(f []reload.File) (string, error) {
			if !bytes.Equal(f[0].Text, f[1].Text) {
				return "", errors.New("they do not match")
			}
			text := string(f[0].Text)
			taken.Store(&text)
			return "", nil
		}); err != nil {
			t.Fatal(err)
		}
		go r.Run(t.Context())
		write("cert", "2")
		time.Sleep(reload.Patience - reload.Every)
		write("key", "2")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := *taken.Load(); got != "2" || strings.Contains(log.String(), "ERROR") {
			t.Errorf("in use is %q, want 2, without an error:\n%s", got, log.String())
		}
	})
}

func TestReloadTakesWhatIsThereAndSaysWhatChanged(t *testing.T) {
	t.Parallel()
	in(t, func(b *bench) {
		ask := func() reload.Outcome {
			outcomes, err := b.r.Reload(b.Context())
			if err != nil || len(outcomes) != 1 {
				b.Fatal(outcomes, err)
			}
			return outcomes[0]
		}
		if o := ask(); o.Changed != "" || o.Err != nil {
			b.Errorf("unchanged: %+v", o)
		}
		b.logged(1, `msg="reload: nothing changed" watched=1`)
		b.write("second")
		if o := ask(); o.Name != "the-file" || o.Changed != "now second" || o.Err != nil {
			b.Errorf("changed: %+v", o)
		}
		b.logged(1, `changed="now second"`)
		b.write("bad")
		for range 2 { // whoever asks is answered each time
			if o := ask(); o.Err == nil {
				b.Errorf("bad: %+v", o)
			}
		}
		b.want("second")
		b.status(2, true)
		b.logged(2, "not reloaded")
		b.pass(time.Minute)
		b.logged(2, "not reloaded")
		b.must(os.Remove(b.path))
		if o := ask(); !errors.Is(o.Err, fs.ErrNotExist) {
			b.Errorf("removed: %+v", o)
		}
	})
}

func TestWatchRefusesWhatCannotBeUsed(t *testing.T) {
	t.Parallel()
	r, path := reload.New(slog.New(slog.DiscardHandler)), filepath.Join(t.TempDir(), "absent")
	if err := r.Watch("x", []string{path}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	wrong := errors.New("wrong")
	if err := r.Watch("x", nil, func([]reload.File) (string, error) { return "", wrong }); !errors.Is(err, wrong) {
		t.Errorf("wrong: %v", err)
	}
	if len(r.Status()) != 0 {
		t.Errorf("status %+v, want nothing watched", r.Status())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Reload(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a reload that nobody runs: %v", err)
	}
}
