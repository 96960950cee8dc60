package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"backbone/internal/config"
)

// listenPublic listens where clients connect.
func (s *Server) listenPublic(ctx context.Context, with *net.ListenConfig) (net.Listener, error) {
	path, unix := config.UnixPath(s.cfg.Listen)
	if !unix {
		l, err := with.Listen(ctx, "tcp", s.cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("--listen: %w: choose another address, or end what uses this one", err)
		}
		return l, nil
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	l, err := with.Listen(ctx, "unix", path) // its Close removes the file
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	mode, err := s.cfg.SocketMode()
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--listen-mode: %w", err), l.Close())
	}
	return l, nil
}

// removeStale removes a socket that nobody listens on any more, as an instance leaves it that was killed.
// Anything else at its place stays.
func removeStale(ctx context.Context, path string) error {
	found, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case found.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and is no socket: remove it, or choose another path", path)
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return errors.Join(fmt.Errorf("%s is in use: choose another path, or end what listens there", path), c.Close())
	case !refused(err):
		return err
	}
	return os.Remove(path)
}
