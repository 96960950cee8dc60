package common

import "fmt"

// Domains is the list of the domains that a server knows. It is immutable and safe for
// concurrent use by multiple goroutines.
type Domains struct {
	list []Domain // a handful: going through them beats hashing
}

// NewDomains lists the domains of a server. It panics if two have the same type. That is a
// mistake of the programmer, because the list is in the source.
func NewDomains(list ...Domain) Domains {
	for i, d := range list {
		if _, twice := (Domains{list[:i]}).Lookup(d.Type()); twice || d.Type() == "" {
			panic(fmt.Sprintf("common: the type %q of %T is empty or belongs to an earlier domain", d.Type(), d))
		}
	}
	return Domains{list}
}

// StateTypes returns the types of the State domains.
func (ds Domains) StateTypes() (types []string) {
	for _, d := range ds.list {
		if d.State() {
			types = append(types, d.Type())
		}
	}
	return types
}

// Lookup returns the domain of the type.
func (ds Domains) Lookup(typ string) (Domain, bool) {
	for _, d := range ds.list {
		if d.Type() == typ {
			return d, true
		}
	}
	return nil, false
}
