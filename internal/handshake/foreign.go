package handshake

import "strings"

// Other is what Foreign says of bytes that it has no name for.
const Other = "other bytes"

// foreigners are what connects to a port of HTTP by mistake, by how it begins.
var foreigners = []struct{ begin, what string }{
	{"\x16\x03", "TLS"},
	{"PROXY ", "PROXY protocol"},
	{"\r\n\r\n\x00\r\nQUIT\n", "PROXY protocol, version 2"},
	{"SSH-", "SSH"},
	{"*", "Redis"},
}

// Foreigners lists all that Foreign can say, but for "".
func Foreigners() []string {
	all := []string{Other}
	for _, f := range foreigners {
		all = append(all, f.what)
	}
	return all
}

// Foreign says what the begin of a connection looks like that cannot become an HTTP request, "" if
// it can. With more, further bytes may come and decide. Without, what begins like a foreigner is one.
func Foreign(begin []byte, more bool) string {
	text := string(begin)
	for _, f := range foreigners {
		switch begun := strings.HasPrefix(f.begin, text); {
		case strings.HasPrefix(text, f.begin), begun && !more:
			return f.what
		case begun:
			return ""
		}
	}
	method, _, _ := strings.Cut(text, " ")
	if isToken(method) {
		return ""
	}
	return Other
}
