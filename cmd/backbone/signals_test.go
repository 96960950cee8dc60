//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"

	"backbone/internal/cli"
)

// What comes before the command is known waits for it. Only the end is not put off.
func TestSignalsBeforeTheCommandIsKnown(t *testing.T) {
	for name, test := range map[string]struct {
		know  func(*cli.Operator)
		stops bool // by SIGHUP
	}{
		"serve":   {func(o *cli.Operator) { o.Wishes() }, false},
		"another": {(*cli.Operator).Decline, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				operator := cli.NewOperator()
				s := &signals{incoming: make(chan os.Signal, 16), operator: operator}
				stops, hastes := 0, 0
				go s.handle(func() { stops++ }, func() { hastes++ })
				s.incoming <- syscall.SIGHUP
				synctest.Wait()
				if stops > 0 {
					t.Error("it stops before the command is known")
				}
				test.know(operator)
				synctest.Wait()
				if (stops == 1) != test.stops {
					t.Errorf("%d stops", stops)
				}
				if !test.stops {
					if w := <-operator.Wishes(); w != cli.Reload {
						t.Errorf("wish %d", w)
					}
				}
				s.incoming <- syscall.SIGTERM
				synctest.Wait()
				if stops != 1 || hastes == 1 != test.stops {
					t.Errorf("%d stops, %d in haste", stops, hastes)
				}
				close(s.incoming)
			})
		})
	}
}
