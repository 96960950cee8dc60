package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"backbone/protocol"
)

const schemaFolder = "../protocol/schema"

// schemas are the JSON Schemas of one direction. They validate strictly: a key that a schema does not
// name is an error here, while a client ignores it.
type schemas struct {
	file     string
	text     map[string]any // the file
	compiler *jsonschema.Compiler
}

func readSchemas(t *testing.T, file string) *schemas {
	t.Helper()
	s := &schemas{file: file, compiler: jsonschema.NewCompiler()}
	for _, name := range []string{"common.json", "client.json", "server.json"} {
		text, ok := parsed(t, read(t, filepath.Join(schemaFolder, name))).(map[string]any)
		if !ok {
			t.Fatalf("%s is not an object", name)
		}
		for _, d := range text["definitions"].(map[string]any) {
			if d := d.(map[string]any); d["properties"] != nil {
				d["additionalProperties"] = false
			}
		}
		if err := s.compiler.AddResource("https://x/"+name, text); err != nil {
			t.Fatal(err)
		}
		if name == file {
			s.text = text
		}
	}
	return s
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// check validates a message. A definition is one of the file, or empty for all messages.
func (s *schemas) check(t *testing.T, definition, message string) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(message))
	if err != nil {
		return err
	}
	where := "https://x/" + s.file
	if definition != "" {
		where += "#/definitions/" + definition
	}
	compiled, err := s.compiler.Compile(where)
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(v)
}

// messages are the definitions of messages, by type, each with its keys.
func (s *schemas) messages() map[string]map[string]any {
	found := map[string]map[string]any{}
	for name, d := range s.text["definitions"].(map[string]any) {
		if properties, ok := d.(map[string]any)["properties"].(map[string]any); ok && properties["type"] != nil {
			found[name] = properties
		}
	}
	return found
}

// required are the keys that a message must have.
func (s *schemas) required(name string) (found []string) {
	if d, ok := s.text["definitions"].(map[string]any)[name].(map[string]any); ok {
		for _, key := range d["required"].([]any) {
			found = append(found, key.(string))
		}
	}
	return found
}

// resolve follows a reference to a definition.
func (s *schemas) resolve(t *testing.T, schema any) map[string]any {
	t.Helper()
	object := schema.(map[string]any)
	ref, ok := object["$ref"].(string)
	if !ok {
		return object
	}
	file, name, _ := strings.Cut(ref, "#/definitions/")
	text := s.text
	if file != "" {
		text = parsed(t, read(t, filepath.Join(schemaFolder, file))).(map[string]any)
	}
	found, ok := text["definitions"].(map[string]any)[name].(map[string]any)
	if !ok {
		t.Fatalf("%s: there is no %s", s.file, ref)
	}
	return found
}

// kinds are the JSON types that a Go type of package protocol holds.
func kinds(typ reflect.Type) []string {
	switch {
	case typ == reflect.TypeFor[json.RawMessage]():
		return []string{"string", "object"}
	case typ == reflect.TypeFor[json.Number]():
		return []string{"number"}
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return kinds(typ.Elem())
	case reflect.String:
		return []string{"string"}
	case reflect.Bool:
		return []string{"boolean"}
	case reflect.Slice:
		return []string{"array"}
	case reflect.Float64:
		return []string{"number"}
	default:
		return []string{"integer"}
	}
}

// kind is the JSON type of a schema.
func kind(schema map[string]any) string {
	value, fixed := schema["const"]
	if values, ok := schema["enum"].([]any); ok {
		value, fixed = values[0], true
	}
	switch value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	}
	if fixed {
		return fmt.Sprintf("%T", value)
	}
	return fmt.Sprint(schema["type"])
}

// TestSchemasHaveTheFieldsOfTheStructs compares the schemas with package protocol in both
// directions: types of messages, keys and their JSON types.
func TestSchemasHaveTheFieldsOfTheStructs(t *testing.T) {
	types := map[string]bool{}
	for file, message := range map[string]any{"client.json": protocol.ClientMessage{}, "server.json": protocol.ServerMessage{}} {
		s := readSchemas(t, file)
		fields := map[string]reflect.Type{}
		for f := range reflect.TypeOf(message).Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields[key] = f.Type
		}
		used := map[string]bool{}
		for name, properties := range s.messages() {
			types[name] = true
			if got := s.resolve(t, properties["type"])["const"]; got != name {
				t.Errorf("%s: %s is of type %v", file, name, got)
			}
			for key, schema := range properties {
				used[key] = true
				if typ := fields[key]; typ == nil {
					t.Errorf("%s: %s has the key %s, which %T has not", file, name, key, message)
				} else if got := kind(s.resolve(t, schema)); !slices.Contains(kinds(typ), got) {
					t.Errorf("%s: %s of %s is a %s, in %T a %v", file, key, name, got, message, typ)
				}
			}
		}
		for key := range fields {
			if !used[key] {
				t.Errorf("%s: no message has the key %s of %T", file, key, message)
			}
		}
	}
	source := read(t, filepath.Join("..", "protocol", "protocol.go"))
	for _, m := range regexp.MustCompile(`(?m)^\tType\w+ += "(\w+)"`).FindAllStringSubmatch(source, -1) {
		if !types[m[1]] {
			t.Errorf("no schema describes %s", m[1])
		}
		delete(types, m[1])
	}
	delete(types, protocol.TypeRetired) // if it is there, it was found
	for name := range types {
		t.Errorf("a schema describes %s, and package protocol does not have it", name)
	}
}

// TestSchemasHaveTheLimits compares the bounds in the schemas with the constants.
func TestSchemasHaveTheLimits(t *testing.T) {
	s := readSchemas(t, "client.json")
	join := s.messages()[protocol.TypeJoin]
	common := parsed(t, read(t, filepath.Join(schemaFolder, "common.json"))).(map[string]any)["definitions"].(map[string]any)
	for _, c := range []struct {
		schema any
		key    string
		want   int
	}{
		{common["name"], "maxLength", protocol.MaxRoomLength},
		{common["id"], "maxLength", protocol.MaxIDLength},
		{common["text"], "maxLength", protocol.MaxChatBytes},
		{join["silent_after_ms"], "minimum", protocol.MinSilentAfterMS},
		{join["silent_after_ms"], "maximum", protocol.MaxSilentAfterMS},
		{join["heartbeat_ms"], "minimum", protocol.MinHeartbeatMS},
		{join["heartbeat_ms"], "maximum", protocol.MaxHeartbeatMS},
	} {
		if got := fmt.Sprint(c.schema.(map[string]any)[c.key]); got != fmt.Sprint(c.want) {
			t.Errorf("%s is %s, in package protocol %d: %v", c.key, got, c.want, c.schema)
		}
	}
	var codes []protocol.Code
	definitions := readSchemas(t, "server.json").text["definitions"].(map[string]any)
	for _, code := range definitions["code"].(map[string]any)["enum"].([]any) {
		codes = append(codes, protocol.Code(code.(string)))
	}
	if !slices.Equal(codes, protocol.Codes()) {
		t.Errorf("the codes are %v, in package protocol %v", codes, protocol.Codes())
	}
	var rejected []string
	for f := range reflect.TypeFor[protocol.Rejected]().Fields() {
		rejected = append(rejected, f.Tag.Get("json"))
	}
	got := slices.Sorted(maps.Keys(definitions["rejected"].(map[string]any)["properties"].(map[string]any)))
	if slices.Sort(rejected); !slices.Equal(got, rejected) {
		t.Errorf("an element of rejected has the keys %v, in package protocol %v", got, rejected)
	}
}

// row is one of the page's tables of messages.
var row = regexp.MustCompile("(?m)^\\| (?:\\[`(\\w+)`\\]\\(#\\w+\\)|`(\\w+)`) \\|([^|]*)\\|([^|]*)\\|([^|]*)\\|")

// TestSchemasHaveTheKeysOfThePage compares the schemas with the two tables of messages.
func TestSchemasHaveTheKeysOfThePage(t *testing.T) {
	quoted := regexp.MustCompile("`(\\w+)`")
	keysIn := func(text string) map[string]bool {
		found := map[string]bool{"type": true}
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			found[m[1]] = true
		}
		return found
	}
	for heading, file := range map[string]string{"from a client": "client.json", "from the server": "server.json"} {
		s := readSchemas(t, file)
		messages := s.messages()
		_, table, _ := strings.Cut(read(t, "protocol.md"), "\n### Messages "+heading+"\n")
		table, _, _ = strings.Cut(table, "\n#")
		rows := 0
		for _, m := range row.FindAllStringSubmatch(table, -1) {
			name, keys := m[1]+m[2], m[4]
			if name == "type" { // the header
				continue
			}
			rows++
			if file == "client.json" { // which tells apart what is required
				required := slices.Sorted(maps.Keys(keysIn(m[4])))
				has := s.required(name)
				if slices.Sort(has); !slices.Equal(has, required) && !strings.Contains(m[4], " or ") {
					t.Errorf("%s requires %v, the page says %v", name, has, required)
				}
				if keys += m[5]; strings.TrimSpace(m[3]) != "" && name != protocol.TypeMarked {
					keys += "`id`" // every request may have one
				}
			}
			want := slices.Sorted(maps.Keys(keysIn(keys)))
			if got := slices.Sorted(maps.Keys(messages[name])); !slices.Equal(got, want) {
				t.Errorf("%s: %s has the keys %v, the page says %v", file, name, got, want)
			}
		}
		if rows != len(messages) {
			t.Errorf("%s: %d messages, and the page has %d rows", file, len(messages), rows)
		}
	}
}

// formal are the codes of errors that a schema can see too.
var formal = []string{"invalid_json", "invalid_event", "unknown_type", "unknown_field", "invalid_room"}

// refused reports whether a reply says that the request has a form that a schema forbids.
func refused(reply string) bool {
	return slices.ContainsFunc(formal, func(code string) bool { return strings.Contains(reply, `"code":"`+code+`"`) }) ||
		strings.Contains(reply, "is not for the role")
}

// TestSchemasKnowGoodFromBad validates every request of the page: those that the server refuses
// for their form are not valid, the others are.
func TestSchemasKnowGoodFromBad(t *testing.T) {
	s := readSchemas(t, "client.json")
	good, bad := 0, 0
	for _, section := range sections(t, "protocol.md") {
		for _, b := range section.Blocks("consumer", "ingestor") {
			for i, line := range b.Lines {
				text, request := strings.CutPrefix(line, "-> ")
				if !request {
					continue
				}
				wrong := false
				for _, reply := range b.Lines[i+1:] {
					if strings.HasPrefix(reply, "->") {
						break
					}
					wrong = wrong || refused(reply)
				}
				if strings.Contains(text, `"price":1,"price":2`) { // no parser of JSON tells a schema of the first
					continue
				}
				definition := b.Role + "Message"
				if strings.HasPrefix(text, "[") && b.Role == "ingestor" {
					definition = "batch"
				}
				err := s.check(t, definition, text)
				if (err != nil) != wrong {
					t.Errorf("line %d: %s: the server refuses its form: %t; the schema: %v", b.Line, text, wrong, err)
				}
				if wrong {
					bad++
					continue
				}
				good++
				s.checkBroken(t, definition, text)
			}
		}
	}
	if good < 40 || bad < 20 {
		t.Errorf("found only %d good and %d bad requests", good, bad)
	}
}

// checkBroken breaks a good message in several ways, each of which its schema must notice.
func (s *schemas) checkBroken(t *testing.T, definition, text string) {
	t.Helper()
	whole, ok := parsed(t, text).(map[string]any)
	if !ok {
		return // a batch, whose elements are messages
	}
	breaks := func(what string, change func(map[string]any)) {
		broken := maps.Clone(whole)
		change(broken)
		message, err := json.Marshal(broken)
		if err != nil {
			t.Fatal(err)
		}
		if s.check(t, definition, string(message)) == nil {
			t.Errorf("%s: valid although %s", message, what)
		}
	}
	breaks("there is another key", func(m map[string]any) { m["volume"] = 5 })
	for key := range whole {
		breaks(key+" is null", func(m map[string]any) { m[key] = nil })
		breaks(key+" is of another type", func(m map[string]any) { m[key] = []any{map[string]any{}} })
		breaks(key+" is of another case", func(m map[string]any) { m[strings.ToUpper(key)] = m[key]; delete(m, key) })
	}
	for _, key := range s.required(fmt.Sprint(whole["type"])) {
		breaks(key+" is absent", func(m map[string]any) { delete(m, key) })
	}
}

// TestSchemasAreWhole sees that the files hold nothing that nobody reaches, and what their
// message lists must hold, and no format, which validators such as ajv refuse when they do not know it.
func TestSchemasAreWhole(t *testing.T) {
	files, err := os.ReadDir(schemaFolder)
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, f := range files {
		all.WriteString(read(t, filepath.Join(schemaFolder, f.Name())))
	}
	if strings.Contains(all.String(), `"format"`) {
		t.Error("a schema has a format")
	}
	for _, f := range files {
		text := parsed(t, read(t, filepath.Join(schemaFolder, f.Name()))).(map[string]any)
		for name := range text["definitions"].(map[string]any) {
			if !strings.Contains(all.String(), `#/definitions/`+name+`"`) {
				t.Errorf("%s: nothing refers to %s", f.Name(), name)
			}
		}
	}
}
