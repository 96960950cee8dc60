package bridge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// fakeRedis answers as a Redis with RESP3 that works does, but for some commands.
func fakeRedis(t *testing.T, answers map[string]string) string {
	t.Helper()
	return fakeRedisThat(t, func(words []string) (string, bool) {
		answer, ok := answers[words[0]]
		return answer, ok
	})
}

// fakeRedisThat answers as a Redis with RESP3 that works does, but where special says otherwise.
// Each connection calls special in a goroutine of its own. The first word is the command, in
// capitals; "" as the answer closes the connection.
func fakeRedisThat(t *testing.T, special func(words []string) (answer string, ok bool)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	port := l.Addr().(*net.TCPAddr).Port
	usual := map[string]string{
		"HELLO": "%2\r\n$5\r\nproto\r\n:3\r\n$7\r\nversion\r\n$5\r\n8.6.3\r\n", "CLIENT": "+OK\r\n", "PING": "+PONG\r\n",
		"SCRIPT": "$1\r\nx\r\n", "INFO": bulk("run_id:1\r\nrole:master\r\n"),
		"EVALSHA":       "*8\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n",
		"CLUSTER INFO":  bulk("cluster_current_epoch:1\r\n"),
		"CLUSTER SLOTS": fmt.Sprintf("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n", port),
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					words, err := readCommand(in)
					if err != nil {
						return
					}
					given := words[0]
					words[0] = strings.ToUpper(given)
					if words[0] == "CLUSTER" {
						words[0] += " " + strings.ToUpper(words[1])
					}
					answer, ok := special(words)
					if !ok {
						answer, ok = usual[words[0]]
					}
					if !ok {
						answer = "-ERR unknown command '" + given + "', with args beginning with: 'secret'\r\n"
					}
					if _, err := io.WriteString(c, answer); err != nil || answer == "" {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

func readCommand(in *bufio.Reader) (words []string, err error) {
	var n int
	if _, err := fmt.Fscanf(in, "*%d\r\n", &n); err != nil {
		return nil, err
	}
	for range n {
		var size int
		if _, err := fmt.Fscanf(in, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, err
		}
		words = append(words, string(text[:size]))
	}
	return words, nil
}
