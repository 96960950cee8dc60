package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/rueidis"

	"backbone/internal/partition"
	"backbone/internal/redisurl"
)

// maxAsked bounds how many nodes of a cluster are asked for its masters.
const maxAsked = 16

// view is what one node says of the masters.
type view struct {
	epoch   uint64                   // the higher, the newer
	masters map[string]partition.Set // by address
	nodes   []string                 // others that can be asked
}

// locator finds the masters by asking all sentinels, or several nodes of a cluster,
// concurrently. One alone may be cut off and know only the past.
type locator struct {
	target *target
	opts   *Options
	nodes  map[string]*node // that answered last, by address
	others []string         // addresses that were learned, in addition to those of the URL
}

// node is a connection to a sentinel or to a node of a cluster.
type node struct {
	client rueidis.Client
	close  func()
}

// locate returns the newest view, within the time between two heartbeats.
func (l *locator) locate(ctx context.Context) (best view, err error) {
	asked := l.candidates()
	views, errs := make([]view, len(asked)), make([]error, len(asked))
	nodes := make([]*node, len(asked))
	var running sync.WaitGroup
	for i, address := range asked {
		nodes[i] = l.nodes[address]
		running.Go(func() { nodes[i], views[i], errs[i] = l.ask(ctx, nodes[i], address) })
	}
	running.Wait()
	for i, v := range views {
		delete(l.nodes, asked[i])
		if errs[i] != nil {
			continue
		}
		l.nodes[asked[i]] = nodes[i]
		if best.masters == nil || v.epoch > best.epoch {
			best = v
		}
	}
	for address, left := range l.nodes {
		if !slices.Contains(asked, address) {
			left.close()
			delete(l.nodes, address)
		}
	}
	if best.masters == nil {
		return best, errors.Join(errs...)
	}
	l.others = best.nodes
	return best, nil
}

// candidates are the addresses of the URL and those that were learned, each once, in an order
// that stays.
func (l *locator) candidates() []string {
	all := slices.Clone(l.target.Addresses)
	for _, a := range l.others {
		if !slices.Contains(all, a) && len(all) < maxAsked {
			all = append(all, a)
		}
	}
	return all
}

func (l *locator) close() {
	for _, n := range l.nodes {
		n.close()
	}
	clear(l.nodes)
}

// ask returns the node for the next time, and what it said.
func (l *locator) ask(ctx context.Context, n *node, address string) (*node, view, error) {
	timed, cancel := context.WithTimeout(ctx, l.opts.Heartbeat)
	defer cancel()
	if n == nil {
		var err error
		if n, err = l.connect(ctx, timed, address); err != nil {
			return nil, view{}, fmt.Errorf("%s: %w", address, err)
		}
	}
	v, err := l.target.ask(timed, n.client, address)
	if err != nil {
		n.close()
		return nil, view{}, fmt.Errorf("%s: %w", address, err)
	}
	return n, v, nil
}

func (l *locator) connect(ctx, timed context.Context, address string) (*node, error) {
	alive, end := context.WithCancel(ctx)
	stop := context.AfterFunc(timed, end) // until connected
	greeting := new(greeting)
	client, err := rueidis.NewClient(connection(alive, l.target.to(l.target.asking, address), l.opts, 1, greeting))
	if !stop() && err == nil {
		err = timed.Err()
	}
	if err != nil {
		end()
		if client != nil {
			client.Close()
		}
		return nil, greeting.explain(err)
	}
	return &node{client, func() { end(); client.Close() }}, nil
}

func (t *target) ask(ctx context.Context, c rueidis.Client, address string) (view, error) {
	if t.Setup == redisurl.Sentinel {
		said, err := c.Do(ctx, c.B().Arbitrary("SENTINEL", "MASTER", t.Master).Build()).AsStrMap()
		if err != nil {
			return view{}, err
		}
		return sentinelView(said)
	}
	res := c.DoMulti(ctx, c.B().ClusterInfo().Build(), c.B().ClusterSlots().Build())
	info, err := res[0].ToString()
	if err != nil {
		return view{}, err
	}
	ranges, err := res[1].ToArray()
	if err != nil {
		return view{}, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return view{}, err
	}
	return clusterView(info, ranges, host)
}

func sentinelView(said map[string]string) (v view, err error) {
	if v.epoch, err = strconv.ParseUint(said["config-epoch"], 10, 64); err != nil {
		return v, fmt.Errorf("config-epoch: %w", err)
	}
	if said["ip"] == "" || said["port"] == "" {
		return v, errors.New("the sentinel knows no address of the master")
	}
	v.masters = map[string]partition.Set{net.JoinHostPort(said["ip"], said["port"]): partition.All}
	return v, nil
}

// clusterView reads CLUSTER INFO and CLUSTER SLOTS of the node at host.
func clusterView(info string, ranges []rueidis.RedisMessage, host string) (v view, err error) {
	v.masters = map[string]partition.Set{}
	for line := range strings.Lines(info) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "cluster_current_epoch:"); ok {
			if v.epoch, err = strconv.ParseUint(text, 10, 64); err != nil {
				return v, fmt.Errorf("cluster info: %w", err)
			}
		}
	}
	for i := range ranges {
		fields, err := ranges[i].ToArray()
		if err != nil || len(fields) < 3 {
			return v, fmt.Errorf("cluster slots: %d fields: %w", len(fields), err)
		}
		first, err1 := fields[0].AsInt64()
		last, err2 := fields[1].AsInt64()
		if err := errors.Join(err1, err2); err != nil {
			return v, fmt.Errorf("cluster slots: %w", err)
		}
		for n := range fields[2:] {
			address, err := slotNode(&fields[2+n], host)
			if err != nil {
				return v, err
			}
			if address == "" {
				continue
			}
			if !slices.Contains(v.nodes, address) {
				v.nodes = append(v.nodes, address)
			}
			if n == 0 {
				v.masters[address] |= partitionsIn(int(first), int(last))
			}
		}
	}
	slices.Sort(v.nodes)
	return v, nil
}

// slotNode is the address of a node, or "" if it is not known. A node that does not know its
// own name is at the host where it was asked.
func slotNode(m *rueidis.RedisMessage, host string) (string, error) {
	fields, err := m.ToArray()
	if err != nil || len(fields) < 2 {
		return "", fmt.Errorf("cluster slots: a node of %d fields: %w", len(fields), err)
	}
	port, err := fields[1].AsInt64()
	if err != nil {
		return "", fmt.Errorf("cluster slots: %w", err)
	}
	if !fields[0].IsNil() {
		name, err := fields[0].ToString()
		if err != nil {
			return "", fmt.Errorf("cluster slots: %w", err)
		}
		if name == "?" {
			return "", nil
		}
		if name != "" {
			host = name
		}
	}
	return net.JoinHostPort(host, strconv.FormatInt(port, 10)), nil
}

// partitionsIn are the partitions whose slot is from first to last.
func partitionsIn(first, last int) (in partition.Set) {
	for p := range partition.Count {
		if slot := partition.Slot(p); first <= slot && slot <= last {
			in |= partition.Only(p)
		}
	}
	return in
}
