package conformance

import "regexp"

// What differs from run to run.
var (
	stamp  = regexp.MustCompile(`"epoch":"[^"\\]*("(?:,"seq":\d+)?),"at":\d+`)
	age    = regexp.MustCompile(`"age_ms":\d+`)
	timed  = regexp.MustCompile(`^{"type":"(pong|status|heartbeat)"`)
	moment = regexp.MustCompile(`"(ts|since|at)":\d+`)
	text   = regexp.MustCompile(`"message":"(?:[^"\\]|\\.)*"`)
	reason = regexp.MustCompile(`^(close \d+).*`)
)

// masked is a message without the server's times and epochs, which are never the same, and
// without the texts that are not compared.
func (s *Server) masked(message string) string {
	message = stamp.ReplaceAllString(message, `"epoch":"ITS$1,"at":NOW`)
	message = age.ReplaceAllString(message, `"age_ms":SHORT`)
	if !s.Texts {
		message = text.ReplaceAllString(message, `"message":"TEXT"`)
		message = reason.ReplaceAllString(message, "$1")
	}
	if !timed.MatchString(message) {
		return message
	}
	return moment.ReplaceAllString(message, `"$1":NOW`)
}
