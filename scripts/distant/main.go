//go:build linux

// Command distant makes a network namespace that is some time away, for measuring what
// distance does where the kernel has no netem:
//
//	go run ./scripts/distant --delay 50ms --rate 2000000
//
// makes the namespace "distant", in which this machine is 10.77.0.1, 50 ms away in each
// direction and with 2 MB/s towards it, until it is interrupted. It needs root and the
// ip command. Programs go there with "ip netns exec distant". A packet that would wait
// longer than --queue is dropped, as a router does it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	namespace = "distant"
	near, far = "10.77.0.1", "10.77.0.2"
	mtu       = 1500
	inFlight  = 1 << 16 // packets
)

func main() {
	delay := flag.Duration("delay", 50*time.Millisecond, "how long a packet takes, each way")
	rate := flag.Float64("rate", 0, "bytes a second towards the namespace; 0: no limit")
	queue := flag.Duration("queue", 50*time.Millisecond, "how long a packet may wait for its turn")
	flag.Parse()
	if flag.NArg() > 0 || *delay < 0 || *rate < 0 || *queue < 0 {
		fmt.Fprintln(os.Stderr, "distant: there are no arguments, and no flag may be below 0")
		os.Exit(2)
	}
	if err := run(*delay, *rate, *queue); err != nil {
		fmt.Fprintln(os.Stderr, "distant:", err)
		os.Exit(1)
	}
}

func run(delay time.Duration, rate float64, queue time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	if err := ip("netns add " + namespace); err != nil {
		return err
	}
	defer ip("netns delete " + namespace) //nolint:errcheck // it ends with the program otherwise
	here, there, err := tunnels()
	if err != nil {
		return err
	}
	for _, command := range []string{
		"address add " + near + " peer " + far + " dev near0",
		"link set near0 up mtu 1500 txqueuelen 10000",
		"-n " + namespace + " address add " + far + " peer " + near + " dev far0",
		"-n " + namespace + " link set far0 up mtu 1500 txqueuelen 10000",
		"-n " + namespace + " link set lo up",
	} {
		if err := ip(command); err != nil {
			return err
		}
	}
	fmt.Printf("ip netns exec %s ... reaches this machine as %s\n", namespace, near)
	context.AfterFunc(ctx, func() { here.Close(); there.Close() }) // this ends the relays
	var relays errgroup.Group
	relays.Go(func() error { return relay(here, there, delay, rate, queue) })
	relays.Go(func() error { return relay(there, here, delay, 0, 0) })
	if err := relays.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

func ip(arguments string) error {
	if out, err := exec.Command("ip", strings.Fields(arguments)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", arguments, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// tunnels opens a device here and one in the namespace.
func tunnels() (here, there *os.File, err error) {
	if here, err = tunnel("near0"); err != nil {
		return nil, nil, err
	}
	name := "/run/netns/" + namespace
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	opened := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := unix.Setns(fd, unix.CLONE_NEWNET)
		if err == nil {
			there, err = tunnel("far0")
		}
		opened <- err
	}()
	return here, there, <-opened
}

// tunnel makes a device whose packets are read from and written to the file.
func tunnel(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// packet is on its way until due.
type packet struct {
	bytes []byte
	due   time.Time
}

// relay carries packets from one device to the other.
func relay(from, to *os.File, delay time.Duration, rate float64, queue time.Duration) error {
	way := make(chan packet, inFlight)
	var relays errgroup.Group
	relays.Go(func() error {
		for p := range way {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.bytes); err != nil {
				return err
			}
		}
		return nil
	})
	relays.Go(func() error {
		defer close(way)
		var free time.Time // when the line has sent all before
		for {
			b := make([]byte, mtu)
			n, err := from.Read(b)
			if err != nil {
				return err
			}
			now := time.Now()
			if rate > 0 {
				if free.Before(now) {
					free = now
				}
				if free.Sub(now) > queue {
					continue
				}
				free = free.Add(time.Duration(float64(n) / rate * float64(time.Second)))
				now = free
			}
			select {
			case way <- packet{b[:n], now.Add(delay)}:
			default: // as a router does that has no place
			}
		}
	})
	return relays.Wait()
}
