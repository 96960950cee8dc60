// Package dialer gives a connection a receive buffer before the peer is offered its window.
package dialer
