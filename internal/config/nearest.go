package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Strays are warnings about variables of the environment that look like settings and set
// nothing, each one line.
type Strays []string

// kubernetes matches the variables that Kubernetes sets for a service called backbone.
var kubernetes = regexp.MustCompile(`^` + EnvPrefix + `_(\w+_)?(SERVICE|PORT)(_|$)`)

// FindStrays looks for them in an environment of NAME=value. also names variables that are
// settings although no flag has them.
func FindStrays(app *kong.Application, environ []string, also ...string) Strays {
	known := also
	for _, flag := range allFlags(app.Node) {
		known = append(known, flag.Envs...)
	}
	var found Strays
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, EnvPrefix+"_") && !slices.Contains(known, name) && !kubernetes.MatchString(name) {
			found = append(found, "the variable "+name+" is no setting and is ignored"+didYouMean(name, known))
		}
	}
	slices.Sort(found)
	return found
}

func allFlags(n *kong.Node) []*kong.Flag {
	flags := slices.Clone(n.Flags)
	for _, child := range n.Children {
		flags = append(flags, allFlags(child)...)
	}
	return flags
}

// didYouMean is a hint at the name that differs least, or "" if none is close.
func didYouMean(name string, known []string) string {
	best, least := "", max(2, len(name)/5)+1
	for _, k := range known {
		if d := Distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}

// Distance is how many bytes are to be inserted, left out or replaced to make b of a.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
