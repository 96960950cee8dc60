package common

// The functions of this file know the JSON that nearly all feeds send: objects of strings and
// numbers, in ASCII and without escapes. They check and cut it in one pass. What they do not
// know they do not judge: they return notPlain, and jsontext decides.

// notPlain is the place that stands for text that is left to jsontext.
const notPlain = -1

// plainArray checks an array of plain objects, with nothing but blanks around it, and returns
// the place of its first object.
func plainArray(b []byte) (first int) {
	i := plainBlanks(b, 0)
	if i == len(b) || b[i] != '[' {
		return notPlain
	}
	first = plainBlanks(b, i+1)
	for i = first; ; i = plainBlanks(b, i+1) {
		begin := i
		if begin == len(b) || b[begin] != '{' {
			return notPlain
		}
		if _, _, i = cutUsual(b, begin); i == notPlain {
			i = plainNested(b, begin, plainDepth)
		}
		if i == notPlain || b[plainBlanks(b, begin+1)] == '}' {
			return notPlain // an empty object is not plain
		}
		if i = plainBlanks(b, i); i == len(b) {
			return notPlain
		}
		switch b[i] {
		case ',':
		case ']':
			if plainBlanks(b, i+1) != len(b) {
				return notPlain
			}
			return first
		default:
			return notPlain
		}
	}
}

// plain takes the object that begins at i, as read does, and returns the place after it.
func (o *Object) plain(b []byte, i int) (end int) {
	if end = o.usual(b, i); end != notPlain {
		return end
	}
	o.reset(b)
	if i == len(b) || b[i] != '{' {
		return notPlain
	}
	for {
		var f field
		if f.name, i = plainKey(b, plainBlanks(b, i+1)); i == notPlain {
			return notPlain
		}
		f.value.begin = i
		if i = plainValue(b, i, plainDepth); i == notPlain {
			return notPlain
		}
		f.value.end = i
		o.add(f)
		if i = plainBlanks(b, i); i == len(b) {
			return notPlain
		}
		switch b[i] {
		case ',':
		case '}':
			o.checkID()
			o.checkType()
			return i + 1
		default:
			return notPlain
		}
	}
}

// plainKey returns where the text of the key is that begins at i, and the place of its value.
func plainKey(b []byte, i int) (text span, value int) {
	end := plainString(b, i)
	if end == notPlain {
		return span{}, notPlain
	}
	text = span{i + 1, end - 1}
	if i = plainBlanks(b, end); i == len(b) || b[i] != ':' {
		return span{}, notPlain
	}
	return text, plainBlanks(b, i+1)
}

// plainDepth is how deep a value may be nested inside an object.
const plainDepth = 4

// plainValue returns the place after the value that begins at i.
func plainValue(b []byte, i, depth int) (end int) {
	if i == len(b) {
		return notPlain
	}
	switch b[i] {
	case '"':
		return plainString(b, i)
	case '{', '[':
		if depth == 0 {
			return notPlain
		}
		return plainNested(b, i, depth-1)
	}
	return plainNumber(b, i)
}

// plainNested returns the place after the object or array that begins at i.
func plainNested(b []byte, i, depth int) (end int) {
	object, closing := b[i] == '{', b[i]+2 // in ASCII
	if i = plainBlanks(b, i+1); i < len(b) && b[i] == closing {
		return i + 1
	}
	for ; ; i = plainBlanks(b, i+1) {
		if object {
			_, i = plainKey(b, i)
		}
		if i != notPlain {
			i = plainValue(b, i, depth)
		}
		if i == notPlain {
			return notPlain
		}
		if i = plainBlanks(b, i); i == len(b) {
			return notPlain
		}
		switch b[i] {
		case ',':
		case closing:
			return i + 1
		default:
			return notPlain
		}
	}
}

// plainString returns the place after the string that begins at i.
func plainString(b []byte, i int) (end int) {
	if i == len(b) || b[i] != '"' {
		return notPlain
	}
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case !plainCharacter(c):
			return notPlain
		}
	}
	return notPlain
}

// plainCharacter reports whether c needs no look by jsontext in a string.
func plainCharacter(c byte) bool { return ' ' <= c && c <= '~' && c != '\\' }

// plainNumber returns the place after the number that begins at i, which is in b.
func plainNumber(b []byte, i int) (end int) {
	if b[i] == '-' {
		i++
	}
	begin := i
	if i = digits(b, i); i == begin || b[begin] == '0' && i > begin+1 {
		return notPlain
	}
	if i < len(b) && b[i] == '.' {
		begin = i + 1
		if i = digits(b, begin); i == begin {
			return notPlain
		}
	}
	return i // an exponent is rare: nothing that may follow a value begins like one
}

// digits returns the place after the digits that begin at i, if any do.
func digits(b []byte, i int) (end int) {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// plainBlanks returns the place of the first character at or after i that is not a blank, or
// the length of b.
func plainBlanks(b []byte, i int) (end int) {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}
