package auth

import (
	"slices"
	"time"

	"backbone/protocol"
)

// Certificates reports whether clients can have certificates.
func (a *Access) Certificates() bool { return a.certificates }

// AdmitCertificate returns what a certificate that was verified grants in a role, by the common name
// of its subject and its end: what the keys of that name do, or everything where the role has no keys.
// Without a name it grants what no credentials do, which is nil. The error is a *RefusedError.
func (a *Access) AdmitCertificate(role protocol.Role, name string, until time.Time) (*Grant, error) {
	switch {
	case name == "" && a.Open(role):
		return nil, nil //nolint:nilnil // the grant of everything
	case name == "":
		return nil, &RefusedError{Unauthorized, "the certificate has no common name", "the certificate of the client has no common name"}
	}
	if g := a.certified(role, name, until); g != nil {
		return g, nil
	}
	return nil, &RefusedError{Forbidden, "the certificate is not for this", "the keys have no line of the name in the certificate"}
}

// certified is what a certificate grants now; nil: nothing.
func (a *Access) certified(role protocol.Role, name string, until time.Time) *Grant {
	keys := a.Keys(role)
	if keys == nil {
		return &Grant{Name: name, Expires: until, certificate: true}
	}
	var rooms []*Patterns
	for _, g := range keys.grants {
		if g.Name == name {
			rooms = append(rooms, g.rooms)
		}
	}
	if len(rooms) == 0 {
		return nil
	}
	return &Grant{Name: name, Expires: until, certificate: true, rooms: union(rooms)}
}

// union is what any of several patterns match.
func union(all []*Patterns) *Patterns {
	u := &Patterns{names: map[string]struct{}{}}
	for _, p := range all {
		if p.everything() {
			return nil
		}
		for name := range p.names {
			u.names[name] = struct{}{}
		}
		u.prefixes = append(u.prefixes, p.prefixes...)
	}
	slices.Sort(u.prefixes)
	u.prefixes = withoutLonger(u.prefixes)
	return u
}
