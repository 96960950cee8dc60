package auth_test

import (
	"errors"
	"testing"
	"time"

	"backbone/internal/auth"
	"backbone/protocol"
)

func TestACertificateHasTheRightsOfItsName(t *testing.T) {
	t.Parallel()
	_, keys, _ := parse(t, "feed:key-one-0123456789 [\"BTC_*\",\"A\"]\nfeed:key-two-0123456789 [\"BTC_U*\",\"B*\"]\nwhole:key-three-0123456789 [\"A\"]\nwhole:key-four-0123456789\n")
	access := auth.New(auth.Options{Ingest: keys, Certificates: true})
	until := time.Now().Add(time.Hour)
	feed, err := access.AdmitCertificate(protocol.Ingestor, "feed", until)
	if err != nil || feed.Name != "feed" || !feed.Expires.Equal(until) {
		t.Fatal(feed, err)
	}
	for room, want := range map[string]bool{"BTC_USDT": true, "A": true, "B": true, "BX": true, "C": false, "AB": false} {
		if feed.Allows(room) != want {
			t.Errorf("%s: %t", room, !want)
		}
	}
	if whole, err := access.AdmitCertificate(protocol.Ingestor, "whole", until); err != nil || whole.Bounded() {
		t.Errorf("one of its keys is for all: %+v, %v", whole, err)
	}
	if consumer, err := access.AdmitCertificate(protocol.Consumer, "anyone", until); err != nil || consumer.Name != "anyone" || consumer.Bounded() {
		t.Errorf("a role without keys: %+v, %v", consumer, err)
	}
	if nameless, err := access.AdmitCertificate(protocol.Consumer, "", until); err != nil || nameless != nil {
		t.Errorf("without a name, where nobody needs one: %+v, %v", nameless, err)
	}
	for name, want := range map[string]auth.Reason{"other": auth.Forbidden, "": auth.Unauthorized} {
		var refused *auth.RefusedError
		if g, err := access.AdmitCertificate(protocol.Ingestor, name, until); !errors.As(err, &refused) || refused.Reason != want {
			t.Errorf("%q: %+v, %v", name, g, err)
		}
	}
	if now := access.Still(protocol.Ingestor, feed); now != feed {
		t.Errorf("nothing changed, and it has %+v", now)
	}
	_, fewer, _ := parse(t, "feed:key-two-0123456789 [\"B*\"]\n")
	access.Replace(protocol.Ingestor, fewer)
	if now := access.Still(protocol.Ingestor, feed); now == nil || now == feed || now.Allows("A") || !now.Allows("BTC_USDT") || !now.Expires.Equal(until) {
		t.Errorf("with fewer rights: %+v", now)
	}
	_, none, _ := parse(t, "other:key-two-0123456789\n")
	access.Replace(protocol.Ingestor, none)
	if now := access.Still(protocol.Ingestor, feed); now != nil {
		t.Errorf("its name is gone, and it has %+v", now)
	}
}

func TestWhoNeedsCredentialsWhereThereAreCertificates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options          auth.Options
		ingest, consumer bool // open
	}{
		{auth.Options{}, true, true},
		{auth.Options{Certificates: true}, false, true},
		{auth.Options{Certificates: true, AllPublish: true}, true, true},
	} {
		access := auth.New(c.options)
		if access.Open(protocol.Ingestor) != c.ingest || access.Open(protocol.Consumer) != c.consumer {
			t.Errorf("%+v: open are %t and %t", c.options, access.Open(protocol.Ingestor), access.Open(protocol.Consumer))
		}
	}
	access := auth.New(auth.Options{Certificates: true})
	if _, err := access.Admit(protocol.Ingestor, "a-key", nil); err == nil {
		t.Error("a key is taken where there are none")
	}
}
