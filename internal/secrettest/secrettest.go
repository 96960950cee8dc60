// Package secrettest finds secrets where they must not be: in logs, metrics, pages and error
// bodies of tests. It knows the secrets of an instance from its settings.
package secrettest

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// shortest is the length of what is looked for, bytes. Anything shorter is found by chance.
const shortest = 6

// Secret is one that a setting holds, or a file that a setting names.
type Secret struct {
	Place string // for people: a setting, or the file and line; it never shows the secret
	text  string
}

// Fields are the secrets of a configuration: of the text fields of a struct, embedded ones too.
func Fields(config any) (all []Secret) {
	v := reflect.ValueOf(config)
	for field, value := range v.Fields() {
		switch {
		case field.Anonymous:
			all = append(all, Fields(value.Interface())...)
		case value.Kind() == reflect.String:
			all = append(all, of("", field.Name, value.String())...)
		}
	}
	return all
}

// Args are the secrets of the flags of a command, as "--name value" or "--name=value", and of
// variables, "BACKBONE_NAME=value", among other words. Names of files are relative to a folder.
func Args(dir string, words []string) (all []Secret) {
	for i, word := range words {
		name, value, has := strings.Cut(word, "=")
		if !has && i+1 < len(words) {
			value = words[i+1]
		}
		if flag, is := strings.CutPrefix(name, "--"); is {
			all = append(all, of(dir, flag, value)...)
		} else if variable, is := strings.CutPrefix(name, "BACKBONE_"); is && has {
			all = append(all, of(dir, variable, value)...)
		}
	}
	return all
}

// of are the secrets of one setting, whose name is a flag's, a variable's or a field's.
func of(dir, name, value string) []Secret {
	switch key := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name)); {
	case value == "":
		return nil
	case strings.HasSuffix(key, "keysfile"):
		return inFile(dir, value, keyOfLine)
	case strings.HasSuffix(key, "keyfile"), strings.HasSuffix(key, "passwordfile"), strings.HasSuffix(key, "tokenfile"), strings.HasSuffix(key, "tlskey"):
		return inFile(dir, value, whole)
	case strings.HasSuffix(key, "url"):
		return inURL(name, value)
	case key == "apikey", key == "token":
		return kept(nil, name, value)
	default:
		return nil
	}
}

// inURL is what must not be known of a URL: the password, also as it is written there, and the
// query of a URL that tokens' keys come from.
func inURL(name, value string) (all []Secret) {
	_, rest, _ := strings.Cut(value, "://")
	authority, _, _ := strings.Cut(rest, "/")
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		_, password, _ := strings.Cut(authority[:i], ":")
		all = kept(all, name, password)
		if plain, err := url.PathUnescape(password); err == nil {
			all = kept(all, name, plain)
		}
	}
	if _, query, _ := strings.Cut(rest, "?"); strings.HasPrefix(strings.ToLower(name), "jwt") {
		all = kept(all, name, query)
	}
	return all
}

// inFile are the secrets of a file's lines. A file that cannot be read has none: that the instance
// cannot read it either is what its test is about.
func inFile(dir, path string, secret func(line string, public bool) string) (all []Secret) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	public := bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) // a JWK set
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "-----BEGIN "):
			public = !strings.Contains(line, "PRIVATE KEY")
		case strings.HasPrefix(line, "-----END "):
			public = false
		default:
			all = kept(all, fmt.Sprintf("%s:%d", path, number), secret(line, public))
		}
	}
	return all
}

// whole is a line of a file that holds a password, a token, a secret or a private key.
func whole(line string, public bool) string {
	if public {
		return ""
	}
	return line
}

// keyOfLine is the key of "name:key" and "name:key [patterns]".
func keyOfLine(line string, _ bool) string {
	_, key, ok := strings.Cut(line, ":")
	if !ok || strings.HasPrefix(line, "#") {
		return ""
	}
	key, _, _ = strings.Cut(strings.TrimSpace(key), " [")
	return strings.TrimSpace(key)
}

func kept(all []Secret, place, text string) []Secret {
	if len(text) < shortest {
		return all
	}
	return append(all, Secret{place, text})
}

// token is any JWT, also of somebody who is refused.
var token = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]*`)

// Found says which of the secrets a text holds, and where the line begins that does, without
// showing one: "keys:3 in line 7". Tokens (JWT) are secrets, known or not.
func Found(secrets []Secret, text []byte) (found []string) {
	at := func(i int) int { return bytes.Count(text[:i], []byte("\n")) + 1 }
	for _, s := range secrets {
		if i := bytes.Index(text, []byte(s.text)); i >= 0 {
			found = append(found, fmt.Sprintf("%s in line %d", s.Place, at(i)))
		}
	}
	if bytes.Contains(text, []byte("eyJ")) {
		if where := token.FindIndex(text); where != nil {
			found = append(found, fmt.Sprintf("a token (JWT) in line %d", at(where[0])))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
