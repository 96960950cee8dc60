//go:build linux

package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// neverPings keeps the server's own pings from what is idle.
const neverPings = "--ping-interval=10m"

const (
	earlyTries     = 20
	reloadPatience = 15 * time.Second
)

// behaviour prints what each proxy does apart from its speed. What takes long happens to all
// proxies concurrently.
func (t *trial) behaviour() error {
	say("trying handshakes, idle connections (%v) and reloads", t.idle)
	return t.with([]string{neverPings}, func(_ string, all []*standing) error {
		rows := make([][]string, len(all))
		var trying sync.WaitGroup
		for i, s := range all {
			trying.Go(func() { rows[i] = s.tried(t.idle) })
		}
		finished := make(chan struct{})
		go func() { trying.Wait(); close(finished) }()
		select {
		case <-finished:
		case <-t.ctx.Done():
			return errInterrupted
		}
		fmt.Println("| proxy | a page of the same host and port | a join sent before the 101 | an idle connection | a reload: connections |")
		fmt.Println("|---|---|---|---|---|")
		for _, row := range rows {
			fmt.Println("| " + strings.Join(row, " | ") + " |")
		}
		fmt.Println()
		return nil
	})
}

// tried is a proxy's row.
func (s *standing) tried(idle time.Duration) []string {
	row := []string{s.proxy.printed()}
	w, err := joined(s.address)
	if err != nil {
		return append(row, err.Error(), "", "", "")
	}
	row = append(row, "accepted", early(s.address, earlyTries), w.ended(idle))
	w.close()
	if w, err = joined(s.address); err == nil {
		defer w.close()
		err = s.reload()
	}
	if err != nil {
		return append(row, err.Error())
	}
	return append(row, s.proxy.reload.String()+": "+w.ended(reloadPatience))
}

// ages prints how old prices are that slow readers read, for each proxy, server and speed.
func (t *trial) ages() error {
	rates, maxAges := strings.Split(t.rates, ","), strings.Split(t.maxAges, ",")
	table := map[string][]string{}
	head := []string{"readers behind"}
	for _, maxAge := range maxAges {
		name := "--max-age " + maxAge
		err := t.with([]string{"--max-age=" + maxAge}, func(server string, all []*standing) error {
			for _, rate := range rates {
				head = append(head, fmt.Sprintf("%s/s, `%s`", rate, name))
				from := map[string]string{directly: server}
				for _, s := range all {
					from[s.proxy.title] = s.address
				}
				for _, behind := range titles(t.chosen) {
					say("measuring %s/s readers behind %s, %s", rate, behind, name)
					m, err := t.load.measure(t.ctx, t.backbone, server, from[behind], rate)
					switch {
					case t.ctx.Err() != nil:
						return errInterrupted
					case err != nil:
						return err
					}
					say("  %v", m)
					table[behind] = append(table[behind], m.String())
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	fmt.Printf("| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, behind := range titles(t.chosen) {
		fmt.Printf("| %s | %s |\n", behind, strings.Join(table[behind], " | "))
	}
	return nil
}

// directly is the title of the row without a proxy.
const directly = "nothing"

// titles are those of the table's rows.
func titles(all []*proxy) []string {
	found := []string{directly}
	for _, p := range all {
		found = append(found, p.title)
	}
	return found
}
