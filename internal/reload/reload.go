// Package reload reads files again while a program runs: keys, certificates, whatever an operator
// replaces without a restart. It looks at what files hold, by path, a few times a second, so it
// notices every way in which a file can be replaced: written in place, renamed over, a symbolic
// link that points elsewhere, a directory that was made again.
//
// A change by itself is taken once two looks in a row have found the same, so that a file that is
// being written is not taken for a short one. [Reloader.Reload] takes what is there.
//
// What cannot be used changes nothing: what was taken last stays in use, and the log says so once
// it has lasted for [Patience]. Two files that belong together can thus be replaced one after the
// other.
package reload

import (
	"context"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// Every is how often files are looked at.
	Every = 300 * time.Millisecond
	// Patience is how long files may hold what cannot be used before the log says so.
	Patience = 2 * time.Second
)

// File is what a path held.
type File struct {
	Path string
	Text []byte
	Mode fs.FileMode
}

// Apply puts what files hold into use. It returns what has changed, in a few words for a log, "" for
// nothing that counts. The files are those of the paths, in their order. An error is one line that
// shows no secret, and leaves in use what was. Apply is called by one goroutine at a time, and does
// not wait for anything slow.
type Apply func(files []File) (changed string, err error)

// Outcome is what became of one subscription when a reload was asked for.
type Outcome struct {
	Name    string
	Changed string // what has changed; "": nothing
	Err     error  // why what the files hold is not in use
}

// Status is what metrics show of a subscription.
type Status struct {
	Name   string
	Errors uint64    // how often files held what could not be used, for longer than Patience or when a reload was asked for
	Failed bool      // it is so now
	Taken  time.Time // when what is in use was taken
}

// Reloader watches files. Reload and Status are safe for concurrent use by multiple goroutines,
// with Run too.
type Reloader struct {
	log  *slog.Logger
	asks chan chan []Outcome

	// Owned by the caller of Watch until Run is called, then immutable.
	subscriptions []*subscription
}

// New returns a Reloader that watches nothing.
func New(log *slog.Logger) *Reloader {
	return &Reloader{log: log, asks: make(chan chan []Outcome)}
}

// Watch reads the files, has apply put them into use, and from then on watches them. The name is
// that of the setting, such as "ingest-keys-file". An error is that of reading a file, or of apply;
// then nothing is watched. It is not to be called after Run.
//
// What is no regular file, such as a pipe, can be read once only, and is not watched.
func (r *Reloader) Watch(name string, paths []string, apply Apply) error {
	files, err := read(paths)
	if err != nil {
		return err
	}
	if _, err := apply(files); err != nil {
		return err
	}
	s := &subscription{name: name, paths: paths, apply: apply, used: sumOf(files)}
	s.seen, s.once = s.used, !regular(files)
	s.taken.Store(time.Now().UnixMilli())
	r.subscriptions = append(r.subscriptions, s)
	return nil
}

// Run watches until ctx ends.
func (r *Reloader) Run(ctx context.Context) {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, s := range r.subscriptions {
				s.look(r.log)
			}
		case answer := <-r.asks:
			answer <- r.reload()
		}
	}
}

// Reload takes what the files hold now, logs what changed, and returns the same, one Outcome for each
// subscription in the order of Watch. The error is that of ctx, which has to end where Run may not be
// running.
func (r *Reloader) Reload(ctx context.Context) ([]Outcome, error) {
	answer := make(chan []Outcome, 1)
	select {
	case r.asks <- answer:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case outcomes := <-answer:
		return outcomes, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reload is Reload in the goroutine of Run.
func (r *Reloader) reload() []Outcome {
	outcomes := make([]Outcome, 0, len(r.subscriptions))
	news := false
	for _, s := range r.subscriptions {
		o := s.take(r.log)
		news = news || o.Changed != "" || o.Err != nil
		outcomes = append(outcomes, o)
	}
	if !news {
		r.log.Info("reload: nothing changed", "watched", len(r.subscriptions))
	}
	return outcomes
}

// Status returns that of each subscription, in the order of Watch.
func (r *Reloader) Status() []Status {
	statuses := make([]Status, 0, len(r.subscriptions))
	for _, s := range r.subscriptions {
		statuses = append(statuses, Status{
			Name: s.name, Errors: s.errors.Load(), Failed: s.failed.Load(), Taken: time.UnixMilli(s.taken.Load()),
		})
	}
	return statuses
}

type subscription struct {
	// Immutable.
	name  string
	paths []string
	apply Apply
	once  bool // not watched

	// Owned by the caller of Watch until Run is called, then by Run.
	used  sum       // of what is in use
	seen  sum       // of what the last look found
	wrong sum       // of what could not be used, until something else is found
	why   error     // why it could not
	since time.Time // when files first held what could not be used; zero: they hold what is in use
	told  sum       // what the log was told of

	// For Status.
	errors atomic.Uint64
	failed atomic.Bool
	taken  atomic.Int64 // milliseconds since 1970
}

// look takes what the files hold if it has changed and has settled.
func (s *subscription) look(log *slog.Logger) {
	if s.once {
		return
	}
	files, found, err := s.read()
	settled := found == s.seen
	s.seen = found
	switch {
	case found == s.used:
		s.recover(log)
	case !settled:
	case found == s.wrong:
		s.complain(log, false)
	default:
		if changed, err := s.use(files, found, err); err == nil {
			s.reloaded(log, changed)
		} else {
			s.complain(log, false)
		}
	}
}

// take takes what the files hold now.
func (s *subscription) take(log *slog.Logger) Outcome {
	o := Outcome{Name: s.name}
	if s.once {
		return o
	}
	files, found, err := s.read()
	s.seen = found
	if found == s.used {
		s.recover(log)
		return o
	}
	if o.Changed, o.Err = s.use(files, found, err); o.Err != nil {
		s.complain(log, true)
	} else {
		s.reloaded(log, o.Changed)
	}
	return o
}

// read reads the files again. The sum is also that of an error.
func (s *subscription) read() ([]File, sum, error) {
	files, err := readAgain(s.paths)
	if err != nil {
		return nil, sumOf([]File{{Text: []byte(err.Error())}}), err
	}
	return files, sumOf(files), nil
}

// use has what was read put into use, unless reading failed.
func (s *subscription) use(files []File, found sum, err error) (string, error) {
	var changed string
	if err == nil {
		changed, err = s.apply(files)
	}
	if err != nil {
		s.wrong, s.why = found, err
		if s.since.IsZero() {
			s.since = time.Now()
		}
		return "", err
	}
	s.used, s.wrong, s.told, s.since = found, sum{}, sum{}, time.Time{}
	s.failed.Store(false)
	s.taken.Store(time.Now().UnixMilli())
	return changed, nil
}

func (s *subscription) reloaded(log *slog.Logger, changed string) {
	if changed == "" {
		changed = "nothing that counts"
	}
	log.Info("reloaded", "what", s.name, "changed", changed)
}

// complain says, once for each content, why it is not in use.
func (s *subscription) complain(log *slog.Logger, asked bool) {
	if !asked && (s.told == s.wrong || time.Since(s.since) < Patience) {
		return
	}
	s.told = s.wrong
	s.errors.Add(1)
	s.failed.Store(true)
	log.Error("not reloaded: what was read before stays in use", "what", s.name, "err", s.why)
}

// recover notes that the files hold again what is in use.
func (s *subscription) recover(log *slog.Logger) {
	if s.failed.Swap(false) {
		log.Info("the files hold again what is in use", "what", s.name)
	}
	s.wrong, s.told, s.since = sum{}, sum{}, time.Time{}
}
