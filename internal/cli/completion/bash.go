package completion

import "strings"

// line is a command line of bash up to the cursor.
type line struct {
	words []string // without quotes. The last is the one at the cursor, and empty behind a blank
	cut   int      // bytes of the last word that bash keeps: it replaces only what is behind them
	quote rune     // the quote that is open at the cursor, or 0
}

// split divides a line into words as bash does. Of the characters in breaks, those that are in no
// quotes divide what bash completes, though not the words: behind the colon of BTC:USDT it completes
// USDT alone.
func split(text, breaks string) line {
	var l line
	var word []rune
	escaped, begun := false, false
	for _, r := range text {
		switch {
		case escaped:
			word, escaped = append(word, r), false
		case r == '\\' && l.quote != '\'':
			escaped, begun = true, true
		case r == l.quote:
			l.quote = 0
		case l.quote == 0 && (r == '"' || r == '\''):
			l.quote, begun = r, true
			l.cut = len(string(word))
		case l.quote == 0 && (r == ' ' || r == '\t' || r == '\n'):
			if begun {
				l.words = append(l.words, string(word))
			}
			word, begun, l.cut = nil, false, 0
		default:
			word, begun = append(word, r), true
			if l.quote == 0 && strings.ContainsRune(breaks, r) {
				l.cut = len(string(word))
			}
		}
	}
	l.words = append(l.words, string(word))
	return l
}

// insert is the text that bash is to insert for a word that begins with the last one of the line.
func (l line) insert(word string) string {
	rest := word[min(l.cut, len(word)):]
	if l.quote != 0 {
		return rest
	}
	var b strings.Builder
	for _, r := range rest {
		if strings.ContainsRune(" \t\"'\\$`&;|<>()*?[]{}!#~^", r) {
			b.WriteRune('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
