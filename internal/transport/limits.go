package transport

import "time"

// Limits bound what connections can do and how long they can take. The fields are those of
// config.Limits, which holds their flags and defaults and converts to this type.
type Limits struct {
	MaxRooms                 int           // rooms of one consumer
	MaxBadMessages           int           // bad messages in a row
	MaxMessageRate           int           // messages a second of one connection; 0: no limit
	MaxConnections           int           // open connections; 0: no limit
	MaxConnectionsPerAddress int           // open connections from one IP address; 0: no limit
	PingInterval             time.Duration // without a frame from the client before it is pinged
	PongTimeout              time.Duration // until an unanswered ping closes the connection
	WriteTimeout             time.Duration // without progress of a write before the connection is closed
	MaxAge                   time.Duration // that a consumer's reading may add to what it reads; 0: no bound
	SocketSendBuffer         int           // SO_SNDBUF, bytes; 0: the kernel tunes it
}
