package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"backbone/internal/secrettest"
)

// watchSecrets fails the test if a command that a script has started wrote a secret of any command of
// the script to a stream: of the files as they are now, or at the end of the script.
func watchSecrets(t *testing.T, env *testscript.Env, folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")+".txtar"))
	if err != nil {
		return err
	}
	words := strings.Fields(string(text))
	before := secrettest.Args(env.WorkDir, words)
	env.Defer(func() {
		secrets := slices.Concat(before, secrettest.Args(env.WorkDir, words))
		for name := range env.Values["processes"].(map[string]*process) {
			for _, stream := range []string{name + ".out", name + ".err"} {
				said, err := os.ReadFile(filepath.Join(env.WorkDir, stream))
				if err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Error(err)
				}
				for _, place := range secrettest.Found(secrets, said) {
					t.Errorf("a secret is shown in %s: %s", filepath.Join(env.WorkDir, stream), place)
				}
			}
		}
	})
	return nil
}
