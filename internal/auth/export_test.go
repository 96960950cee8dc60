package auth

import "net/http"

// Through makes the set be fetched through a transport.
func (s *KeySet) Through(t http.RoundTripper) { s.client.Transport = t }
