package script_test

import (
	"encoding/json"
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

var update = flag.Bool("update", false, "write the golden files, scripts/stagecraft.d.lua and the tables of docs/scripting.md anew")

// patient has the usual steps and lets a busy machine take its time.
var patient = script.Limits{Wall: time.Minute}

var noon = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// journey returns a small journey of stages one and two, with the given text as the file one.lua and the messages
// hello and bye. Further files come in pairs of name and text.
func journey(one string, more ...string) script.Source {
	src := script.Source{Name: "test", Files: map[string][]byte{
		"journey.lua":                 []byte(`journey { title = "Test", stages = { "one", "two" }, moves = { one = { "two" }, two = { "one" } } }`),
		"one.lua":                     []byte(one),
		"two.lua":                     []byte(`stage { title = "Two" }`),
		"messages/hello.email.liquid": []byte("---\nsubject: Hello\n---\nHi\n"),
		"messages/hello.sms.liquid":   []byte("Hi"),
		"messages/bye.email.liquid":   []byte("---\nsubject: Bye\n---\nBye\n"),
	}}
	for i := 0; i+1 < len(more); i += 2 {
		src.Files[more[i]] = []byte(more[i+1])
	}
	return src
}

func compile(t testing.TB, src script.Source) *script.Program {
	t.Helper()
	return compileWith(t, script.New(patient), src)
}

func compileWith(t testing.TB, host *script.Host, src script.Source) *script.Program {
	t.Helper()
	p, err := host.Compile(src)
	if err != nil {
		t.Fatalf("compile:\n%v", err)
	}
	return p
}

// problems compiles what must not compile, and returns its errors.
func problems(t testing.TB, src script.Source) script.Errors {
	t.Helper()
	_, err := script.New(script.Limits{}).Compile(src)
	var errs script.Errors
	if !errors.As(err, &errs) || len(errs) == 0 {
		t.Fatalf("it compiled, error %v", err)
	}
	return errs
}

func customer() *lifecycle.Customer {
	id := lifecycle.Identity{Kind: lifecycle.UserID, Value: "u1"}
	c := &lifecycle.Customer{ID: id.Hash(), Identities: []lifecycle.Identity{id}}
	for name, value := range map[string]string{
		"email": `"ada@example.com"`, "first_name": `"Ada"`, "plan": `"pro"`, "age": `36`, "score": `0`, "vip": `false`,
		"empty": `""`, "address": `{"city":"London","lines":["a","b"],"zip":{"code":7}}`, "none": `[]`,
	} {
		c.SetTrait(name, json.RawMessage(value))
	}
	return c
}

func order() *lifecycle.Event {
	return &lifecycle.Event{
		Type: lifecycle.Track, Name: "Order Completed", MessageID: "m1", UserID: "u1", Timestamp: noon,
		Properties: json.RawMessage(`{"total":49.5,"currency":"EUR","items":[{"sku":"A","n":2},{"sku":"B","n":1}],"gift":null}`),
		Context:    json.RawMessage(`{"page":{"url":"https://example.com"}}`),
		Traits:     json.RawMessage(`{"plan":"free"}`),
	}
}

func run(p *script.Program, handler string, journal ...script.Entry) (script.Result, error) {
	return p.Run(script.Call{Handler: handler, Stage: "one", Customer: customer(), Event: order(), Now: noon, Journal: journal})
}

// logs runs the body as an enter handler and returns what it logged, one line each.
func logs(t testing.TB, body string, more ...string) string {
	t.Helper()
	result, err := run(compile(t, journey("enter(function(customer, event)\n"+body+"\nend)", more...)), "one.lua#1")
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return logged(result)
}

func logged(result script.Result) string {
	var lines []string
	for _, e := range result.Effects {
		if e.Kind == script.Log {
			lines = append(lines, e.Text)
		}
	}
	return strings.Join(lines, "\n")
}

// fails runs the body as an enter handler that must fail.
func fails(t testing.TB, body string, more ...string) *lifecycle.Error {
	t.Helper()
	result, err := run(compile(t, journey("enter(function(customer, event)\n"+body+"\nend)", more...)), "one.lua#1")
	var failure *lifecycle.Error
	if !errors.As(err, &failure) {
		t.Fatalf("it did not fail, result %+v", result)
	}
	if failure.Code != lifecycle.ScriptFailed || failure.File == "" || failure.Line == 0 {
		t.Fatalf("not a script error with file and line: %+v", failure)
	}
	return failure
}

// stored sends a journal through the encoding in which it is kept.
func stored(t testing.TB, journal []script.Entry) []script.Entry {
	t.Helper()
	return roundTrip(t, journal)
}

func roundTrip(t interface{ Fatal(...any) }, journal []script.Entry) []script.Entry {
	data, err := msgpack.Marshal(journal)
	if err != nil {
		t.Fatal(err)
	}
	var back []script.Entry
	if err := msgpack.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	return back
}
