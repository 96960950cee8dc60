package docs_test

import (
	"path"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"backbone/protocol"
)

// asyncapi is what is compared of protocol/asyncapi.yaml.
type asyncapi struct {
	Channels map[string]struct {
		Address  string             `yaml:"address"`
		Messages map[string]pointer `yaml:"messages"`
		Bindings struct {
			WS struct {
				Headers struct {
					Properties map[string]any `yaml:"properties"`
				} `yaml:"headers"`
			} `yaml:"ws"`
		} `yaml:"bindings"`
	} `yaml:"channels"`
	Operations map[string]struct {
		Action   string    `yaml:"action"`
		Channel  pointer   `yaml:"channel"`
		Messages []pointer `yaml:"messages"`
		Reply    struct {
			Channel  pointer   `yaml:"channel"`
			Messages []pointer `yaml:"messages"`
		} `yaml:"reply"`
	} `yaml:"operations"`
	Components struct {
		Messages map[string]struct {
			Payload struct {
				Schema pointer `yaml:"schema"`
			} `yaml:"payload"`
			Examples []struct {
				Payload yaml.Node `yaml:"payload"`
			} `yaml:"examples"`
		} `yaml:"messages"`
	} `yaml:"components"`
}

// pointer is a reference to another part of the document, or to a schema.
type pointer struct {
	Ref string `yaml:"$ref"`
}

const asyncapiFile = "../protocol/asyncapi.yaml"

func readAsyncAPI(t *testing.T) (doc asyncapi) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, asyncapiFile)), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestAsyncAPINamesAllMessages compares the document with the schemas and with package protocol: it
// has every message once, uses each, and shows valid examples.
func TestAsyncAPINamesAllMessages(t *testing.T) {
	text, doc := read(t, asyncapiFile), readAsyncAPI(t)
	inChannels, inOperations, described := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for name, message := range doc.Components.Messages {
		file, definition, _ := strings.Cut(strings.TrimPrefix(message.Payload.Schema.Ref, "./schema/"), "#/definitions/")
		described[file+" "+definition] = true
		if len(message.Examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, example := range message.Examples {
			if err := readSchemas(t, file).check(t, definition, flow(text, &example.Payload)); err != nil {
				t.Errorf("the example of %s: %v", name, err)
			}
		}
	}
	for _, file := range []string{"client.json", "server.json"} {
		for name := range readSchemas(t, file).messages() {
			if !described[file+" "+name] {
				t.Errorf("no message of the document refers to %s of %s", name, file)
			}
		}
	}
	addresses := map[string]bool{}
	for name, channel := range doc.Channels {
		addresses[channel.Address] = true
		if channel.Bindings.WS.Headers.Properties[protocol.HeaderAPIKey] == nil {
			t.Errorf("the channel %s has no header %s", name, protocol.HeaderAPIKey)
		}
		for key, message := range channel.Messages {
			inChannels[message.Ref] = true
			if want := "#/components/messages/" + key; message.Ref != want || !has(doc.Components.Messages, key) {
				t.Errorf("the channel %s has %s as %s", name, message.Ref, key)
			}
		}
	}
	if len(addresses) != 2 || !addresses[protocol.PathConsume] || !addresses[protocol.PathIngest] {
		t.Errorf("the addresses are %v", addresses)
	}
	for name, operation := range doc.Operations {
		for _, message := range append(operation.Messages, operation.Reply.Messages...) {
			inOperations[message.Ref] = true
			channel, key, _ := strings.Cut(strings.TrimPrefix(message.Ref, "#/channels/"), "/messages/")
			if operation.Channel.Ref != "#/channels/"+channel || !has(doc.Channels[channel].Messages, key) {
				t.Errorf("the operation %s of %s has the message %s", name, operation.Channel.Ref, message.Ref)
			}
		}
	}
	for name := range doc.Components.Messages {
		if !inChannels["#/components/messages/"+name] {
			t.Errorf("no channel has %s", name)
		}
	}
	for name, channel := range doc.Channels {
		for key := range channel.Messages {
			if ref := "#/channels/" + name + "/messages/" + key; !inOperations[ref] {
				t.Errorf("no operation uses %s", ref)
			}
		}
	}
}

func has[T any](m map[string]T, key string) bool { _, ok := m[key]; return ok }

// flow is the text of a node that is written as JSON on the rest of its line, so that a price keeps
// its digits.
func flow(text string, node *yaml.Node) string {
	return strings.Split(text, "\n")[node.Line-1][node.Column-1:]
}

// TestAsyncAPITellsWhoSends sees that what a client sends and what a server sends have the action
// that says so, from the server's side.
func TestAsyncAPITellsWhoSends(t *testing.T) {
	doc := readAsyncAPI(t)
	from := func(r pointer) string {
		return strings.TrimSuffix(strings.TrimPrefix(strings.Split(doc.Components.Messages[path.Base(r.Ref)].Payload.Schema.Ref, "#")[0], "./schema/"), ".json")
	}
	for name, operation := range doc.Operations {
		want := map[string]string{"receive": "client", "send": "server"}[operation.Action]
		for _, m := range operation.Messages {
			if from(m) != want {
				t.Errorf("the server's action of %s is %s, and %s is from the %s", name, operation.Action, m.Ref, from(m))
			}
		}
		for _, m := range operation.Reply.Messages {
			if from(m) != "server" {
				t.Errorf("the reply of %s has %s, from the %s", name, m.Ref, from(m))
			}
		}
	}
}
