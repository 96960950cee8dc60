package hostname

import "testing"

func TestNamesThatAStrangerCanHave(t *testing.T) {
	for address, private := range map[string]bool{
		"localhost:8080": true, "localhost": true, "127.0.0.1:8080": true, "[::1]:8080": true, "[::1]": true, "::1": true, "backbone": true,
		"evil.example:8080": false, "evil.example": false, "127.0.0.1.evil.example:80": false, "localhost.evil.example": false, "evil.": false, "evil.localhost.": false,
		"internal.example": false, "1.2.3": false, "printer.local": false,
	} {
		if got := Private(Of(address)); got != private || Reserved(Of(address)) {
			t.Errorf("%s is private: %v", address, got)
		}
	}
	for _, address := range []string{"api.localhost", "host.docker.INTERNAL:8080"} {
		if Private(Of(address)) || !Reserved(Of(address)) {
			t.Errorf("%s is not reserved", address)
		}
	}
}
