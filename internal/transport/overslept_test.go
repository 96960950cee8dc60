package transport

import (
	"errors"
	"net"
	"os"
	"time"
)

// overslept is a connection whose reads come back late from a deadline, as those of a process that
// was stopped meanwhile do, although something to read has come.
type overslept struct {
	net.Conn
	late chan struct{} // a read for each element does
}

func (c *overslept) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) && len(c.late) > 0 {
		if <-c.late; len(c.late) == 0 {
			<-time.After(time.Minute) // the process does not run
		}
	}
	return n, err
}
