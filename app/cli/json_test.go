//go:build unix

package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var subcommand = regexp.MustCompile(`(?m)^  ([a-z][a-z -]*[a-z])`)

// Every verb that asks a server prints on demand what it answers, but for those that write a file of rows or a document.
func TestEveryVerbHasJSON(t *testing.T) {
	tried := 0
	var walk func(path ...string)
	walk = func(path ...string) {
		help, _, _ := words(append(path, "--help")...)
		_, list, parent := strings.Cut(help, "\nCommands:\n")
		list, _, _ = strings.Cut(list, "\n\n")
		if parent {
			for _, found := range subcommand.FindAllStringSubmatch(list, -1) {
				below := strings.Fields(strings.TrimPrefix(found[1], strings.Join(path, " ")))
				walk(append(path[:len(path):len(path)], below[0])...)
			}
			return
		}
		verb := strings.Join(path, " ")
		if !strings.Contains(help, "--server=") || verb == "export" || verb == "customers export" {
			return
		}
		if tried++; !strings.Contains(help, "--json") {
			t.Errorf("stagecraft %s has no --json", verb)
		}
	}
	walk()
	if tried < 60 {
		t.Errorf("only %d verbs were tried", tried)
	}
}

// With --json a verb prints what the server answers, and a failure as a problem with its code and field.
func TestVerbsAnswerPrograms(t *testing.T) {
	data := t.TempDir()
	scripts := filepath.Join(data, "scripts")
	for name, text := range map[string]string{
		"care/journey.lua":           "journey { title = \"Care\", stages = { \"welcome\" } }\n",
		"care/welcome.lua":           "stage { title = \"Welcome\" }\n",
		"broken/journey.lua":         "journey { title = \"Broken\", stages = { \"a\" } }\n",
		"broken/a.lua":               "stage { titel = \"A\" }\n",
		"care/messages/x.sms.liquid": "---\nkind: transactional\n---\nHello\n",
	} {
		file := filepath.Join(scripts, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	server := startServer(t, data, scripts)
	if err := server.call("POST", "/v1/track", map[string]any{"userId": "ada", "event": "Visit"}, nil); err != nil {
		t.Fatal(err)
	}
	draft, list, settings := filepath.Join(data, "draft.json"), filepath.Join(data, "list.csv"), filepath.Join(data, "sms.json")
	for file, text := range map[string]string{
		draft:    `{"audience":{"list":true},"parts":[{"texts":{"sms":"Hello"}}]}`,
		list:     "userId\nada\nnobody\n",
		settings: `{"provider":"http","url":"https://gateway.example/","body":"{\"text\":\"{{text}}\"}"}`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := []string{"--json", "--server", "http://" + server.addr()}
	for _, call := range []struct {
		verb  string
		field string // of the object that is answered
	}{
		{"journeys", "journeys"}, {"journeys care", "journeys"}, {"journeys care shadow", "journeys"},
		{"messages orders", "pauses"}, {"messages pause --channel sms --why test", "pauses"}, {"messages resume --channel sms", "pauses"},
		{"messages cancel --journey care", "cancels"},
		{"calls", "calls"}, {"calls next", "call"}, {"bulk", "bulks"}, {"broadcast", "broadcasts"},
		{"broadcast save sale " + draft, "name"}, {"broadcast add sale " + list, "added"}, {"broadcast ahead sale", "reached"},
		{"broadcast start sale", "status"}, {"broadcast stop sale --why test", "status"}, {"broadcast remove sale", ""},
		{"webhooks", "endpoints"}, {"webhooks replay --since 1h", "replayed"}, {"webhooks rotate", "secret"}, {"webhooks rotate --finish", "endpoints"},
		{"customers test ada", "customer"}, {"customers token ada --key " + testKey, "token"}, {"customers suspicious", "suspicious"},
		{"keys new till --may read", "secret"}, {"keys revoke till", ""}, {"privacy rewrite", "rewriting"},
		{"channels set email --rate 5", "channels"}, {"channels set sms " + settings, "channels"}, {"channels remove sms", "channels"},
	} {
		stdout, stderr, code := words(append(strings.Fields(call.verb), at...)...)
		var answer map[string]json.RawMessage
		if err := json.Unmarshal([]byte(stdout), &answer); err != nil || code != 0 || call.field != "" && answer[call.field] == nil {
			t.Errorf("%s: exit code %d, %v, %q in\n%.300s\n%s", call.verb, code, err, call.field, stdout, stderr)
		}
		if call.verb == "journeys" && !strings.Contains(stdout, "titel") {
			t.Errorf("the problems are lost: %s", stdout)
		}
		if call.verb == "journeys care" && strings.Contains(string(answer["journeys"]), `"broken"`) {
			t.Errorf("more than one journey: %s", answer["journeys"])
		}
	}
	for verb, want := range map[string]string{
		"messages pause --journey nope":          `"status":400,"detail":"there is no journey \"nope\"","code":"invalid","field":"journey","hint":"there are: `,
		"calls show nothing":                     `"type":"/api/docs#not_found","title":"Not Found","status":404,`,
		"customers list --newest --limit 51":     `"field":"limit"`,
		"keys revoke nothing":                    `"code":"not_found"`,
		"broadcast start nothing":                `"code":"not_found"`,
		"bulk remove nothing":                    `"code":"not_found"`,
		"sources fetch nothing":                  `"status":404`,
		"webhooks replay":                        `{"detail":"name one message by its reference, or all that have failed since a time by --since","code":"invalid"}`,
		"send ada care/nothing --key " + testKey: `"code":`,
		"move ada care nowhere":                  `"field":"to"`,
		"messages list --from yesterday":         `"field":"from"`,
		"customers show nobody":                  `"status":404`,
	} {
		stdout, stderr, code := words(append(strings.Fields(verb), at...)...)
		line := strings.TrimSpace(stderr)
		if code != 1 || stdout != "" || !json.Valid([]byte(line)) || !strings.Contains(line, want) {
			t.Errorf("%s: exit code %d, %q, and\n%s", verb, code, stdout, line)
		}
	}
	if _, stderr, code := words("calls", "show", "nothing", "--server", "http://"+server.addr()); code != 1 || !strings.HasPrefix(stderr, "stagecraft: there is no call") {
		t.Errorf("for people: %d %s", code, stderr)
	}
	stdout, stderr, code := words("plugin", "list", "--data", data, "--json")
	if code != 0 || stdout != `{"plugins":[]}`+"\n" {
		t.Errorf("plugins: %d %s%s", code, stdout, stderr)
	}
}
