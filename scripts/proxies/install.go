//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// installed sees to it that each is there.
func (o *options) installed(ctx context.Context, chosen []*proxy) error {
	var missing []string
	for _, p := range chosen {
		if _, err := exec.LookPath(p.version[0]); err != nil {
			missing = append(missing, p.debian())
		}
	}
	if missing == nil {
		return nil
	}
	if !o.install {
		return fmt.Errorf("not installed: %s. Give --install, or choose others with --only", strings.Join(missing, ", "))
	}
	allow, err := forbidStarts(policyFile)
	if err != nil {
		return err
	}
	defer allow()
	say("apt-get install %s: their services are not started now, but at the next boot unless you disable them", strings.Join(missing, " "))
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"install", "-y", "-q", "--no-install-recommends"}, missing...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get: %w: %s", err, out)
	}
	return nil
}

// policyFile is what Debian asks before the installation of a package starts its service.
const policyFile = "/usr/sbin/policy-rc.d"

// forbidStarts keeps packages from starting their services until allow is called. A policy that
// the machine has already is left as it is.
func forbidStarts(policy string) (allow func(), err error) {
	f, err := os.OpenFile(policy, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755) //nolint:gosec // it is run by others
	if errors.Is(err, fs.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("--install needs root: %w", err)
	}
	allow = func() { _ = os.Remove(policy) } // it may be gone
	const never = "#!/bin/sh\nexit 101\n"
	if _, err := f.WriteString(never); err != nil {
		_ = f.Close()
		allow()
		return nil, err
	}
	return allow, f.Close()
}
