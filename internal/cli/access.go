package cli

import (
	"context"

	"backbone/client"
)

// Access is the flags of a command that connects to one server, or to one of several: where it is, and with
// what credentials.
type Access struct {
	Connection  `embed:""`
	Credentials `embed:""`
}

// Options are those of the SDK for these flags, with the credentials that files and the environment hold.
func (a *Access) Options() (client.Options, error) {
	if err := a.GiveTo(&a.Connection); err != nil {
		return client.Options{}, err
	}
	return a.Connection.Options()
}

// Dial connects a consumer, with other options as they are. There is no connection if there is an error, or if
// ctx has ended.
func (a *Access) Dial(ctx context.Context, options client.ConnOptions) (*client.Conn, error) {
	var err error
	if options.Options, err = a.Options(); err != nil {
		return nil, err
	}
	conn, err := client.Dial(ctx, a.URL(), &options)
	if err != nil {
		return nil, UnlessOver(ctx, a.Failure(err))
	}
	return conn, nil
}

// ListRooms asks the server for the rooms with a prefix, for the completion of a shell. It waits for ctx at the
// latest, and for no end of the connection.
func (a *Access) ListRooms(ctx context.Context, prefix string) ([]string, error) {
	conn, err := a.Dial(ctx, client.ConnOptions{})
	if conn == nil {
		return nil, err
	}
	defer func() { go conn.Close() }() // a server that is stuck would hold it up
	return conn.ListRooms(ctx, prefix)
}
