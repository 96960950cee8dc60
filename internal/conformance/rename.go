package conformance

import (
	"regexp"
	"strings"
)

// named is a key whose value names a room, up to the first character of the value. A blank that no
// name may begin with stays where it is.
var named = regexp.MustCompile(`(?i)"(room|instrument|prefix|after)":\s*" ?`)

// list is the rooms of a join or of its reply.
var list = regexp.MustCompile(`(?i)"rooms":\s*\[[^\]]*\]`)

var element = regexp.MustCompile(`" ?[^"]*"`)

// rename puts a prefix before each name of a room in a message. An empty name, which is not one,
// stays so; an empty prefix of names does not.
func rename(prefix, message string) string {
	if prefix == "" {
		return message
	}
	var b strings.Builder
	rest := 0
	for _, at := range named.FindAllStringSubmatchIndex(message, -1) {
		b.WriteString(message[rest:at[1]])
		rest = at[1]
		if !strings.HasPrefix(message[rest:], `"`) || strings.EqualFold(message[at[2]:at[3]], "prefix") {
			b.WriteString(prefix)
		}
	}
	b.WriteString(message[rest:])
	return list.ReplaceAllStringFunc(b.String(), func(rooms string) string {
		key, names, _ := strings.Cut(rooms, "[")
		return key + "[" + element.ReplaceAllStringFunc(names, func(name string) string {
			if strings.HasPrefix(name, `" `) {
				return `" ` + prefix + name[2:]
			}
			if name == `""` {
				return name
			}
			return `"` + prefix + name[1:]
		})
	})
}
