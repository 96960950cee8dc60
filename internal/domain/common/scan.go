package common

// The functions of this file walk over text that jsontext has found to be valid JSON. Every
// value that begins in it also ends in it, so they do not look for the end of the text.

// skipSpace returns the place of the first character at or after i that is not a blank.
func skipSpace(b []byte, i int) int {
	for b[i] <= ' ' {
		i++
	}
	return i
}

// nextItem returns the place of the next item of an object or array, or of the closing
// bracket. i is where an item ended.
func nextItem(b []byte, i int) int {
	if i = skipSpace(b, i); b[i] == ',' {
		i = skipSpace(b, i+1)
	}
	return i
}

// skipString returns the place after the string that begins at i, and whether it
// contains an escape.
func skipString(b []byte, i int) (end int, escaped bool) {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			escaped = true
			i++
		}
	}
	return i + 1, escaped
}

// skipValue returns the place after the value that begins at i, and whether it is a
// string that contains an escape.
func skipValue(b []byte, i int) (end int, escaped bool) {
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i), false
	}
	for b[i] > ' ' && b[i] != ',' && b[i] != '}' && b[i] != ']' {
		i++
	}
	return i, false
}

func skipNested(b []byte, i int) int {
	for depth := 0; ; i++ {
		switch b[i] {
		case '"':
			i, _ = skipString(b, i)
			i-- // the loop steps on
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

// kind names the kind of the value that b begins with, for error messages.
func kind(b []byte) string {
	switch b[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}
