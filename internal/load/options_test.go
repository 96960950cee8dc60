package load

import "testing"

func TestSharesAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]Share{"10%": 0.1, "0.1": 0.1, "100%": 1, "0": 0} {
		var s Share
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "%", "101%", "-1", "NaN", "ten"} {
		if err := new(Share).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for a share", text)
		}
	}
	if s := Share(0.125); s.String() != "12.5%" || s.of(100) != 13 {
		t.Errorf("%v of 100 is %d", s, s.of(100))
	}
}
