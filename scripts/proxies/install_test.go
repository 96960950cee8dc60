//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestServicesAreNotStartedMeanwhile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy")
	allow, err := forbidStarts(file)
	if err != nil {
		t.Fatal(err)
	}
	if exit, ok := errors.AsType[*exec.ExitError](exec.CommandContext(t.Context(), file).Run()); !ok || exit.ExitCode() != 101 {
		t.Errorf("the policy answers %v, expected 101", exit)
	}
	allow()
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the policy is left: %v", err)
	}
}

func TestAPolicyOfTheMachineStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy")
	if err := os.WriteFile(file, []byte("its own"), 0o600); err != nil {
		t.Fatal(err)
	}
	allow, err := forbidStarts(file)
	if err != nil {
		t.Fatal(err)
	}
	allow()
	if text, err := os.ReadFile(file); err != nil || string(text) != "its own" {
		t.Errorf("the policy is %q, %v", text, err)
	}
}
