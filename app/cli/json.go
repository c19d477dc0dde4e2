package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/alecthomas/kong"

	"stagecraft/app/lifecycle"
)

// AsJSON is the flag of verbs that print what the server answers, where a program reads it, instead of telling it.
type AsJSON struct {
	JSON bool `name:"json" help:"Print what the server answers, as JSON."`
}

// call makes a call as Client does. done says that the answer was printed; otherwise it was decoded into answer, which may
// be nil.
func (j AsJSON) call(w *world, client *Client, method, path string, body, answer any) (done bool, err error) {
	if !j.JSON {
		_, err = client.call(w.ctx, method, path, body, answer)
		return false, err
	}
	var raw page
	if _, err = client.call(w.ctx, method, path, body, &raw); err != nil {
		return false, err
	}
	if len(raw.text) == 0 { // there is nothing to say, and what is printed is JSON all the same
		raw.text = []byte("{}")
	}
	if !json.Valid(raw.text) {
		return false, lifecycle.Errorf(lifecycle.Internal, "%s answered something that is not Stagecraft's; is --server right?", client.server)
	}
	return true, j.print(w, json.RawMessage(raw.text))
}

func (j AsJSON) post(w *world, client *Client, path string, body, answer any) (done bool, err error) {
	return j.call(w, client, http.MethodPost, path, body, answer)
}

func (j AsJSON) get(w *world, client *Client, path string, answer any) (done bool, err error) {
	return j.call(w, client, http.MethodGet, path, nil, answer)
}

// print writes a value in one line.
func (AsJSON) print(w *world, value any) error { return writeLine(w.stdout, value) }

func writeLine(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// answered is a failure that a server has told.
type answered struct {
	failure *lifecycle.Error
	status  int
}

// Error returns the sentence.
func (a *answered) Error() string { return a.failure.Error() }

// Unwrap returns the failure itself.
func (a *answered) Unwrap() error { return a.failure }

// problem is a failure as a program reads it: in the form of the server's own (RFC 9457). Of one that no server told there is
// no type, title and status, and of one that has no code none.
type problem struct {
	Type   string         `json:"type,omitempty"`
	Title  string         `json:"title,omitempty"`
	Status int            `json:"status,omitempty"`
	Detail string         `json:"detail"`
	Code   lifecycle.Code `json:"code,omitempty"`
	Field  string         `json:"field,omitempty"`
	Hint   string         `json:"hint,omitempty"`
	File   string         `json:"file,omitempty"`
	Line   int            `json:"line,omitempty"`
}

func problemOf(err error) problem {
	p := problem{Detail: err.Error()}
	var own *lifecycle.Error
	if !errors.As(err, &own) {
		return p
	}
	if own.Error() == p.Detail { // no more was said around it
		if p.Detail = own.Message; own.Cause != nil {
			p.Detail += ": " + own.Cause.Error()
		}
	}
	p.Code, p.Field, p.Hint, p.File, p.Line = own.Code, own.Field, own.Hint, own.File, own.Line
	var told *answered
	if errors.As(err, &told) {
		p.Type, p.Title, p.Status = "/api/docs#"+string(own.Code), http.StatusText(told.status), told.status
	}
	return p
}

// wantsJSON reports whether a verb was given --json.
func wantsJSON(command *kong.Context) bool {
	for _, flag := range command.Flags() {
		if flag.Name == "json" {
			on, _ := command.FlagValue(flag).(bool)
			return on
		}
	}
	return false
}

// tell writes a failure to standard error, for people or for programs.
func tell(err error, asJSON bool, stderr io.Writer) {
	switch text := err.Error(); {
	case text == "":
	case asJSON:
		_ = writeLine(stderr, problemOf(err))
	default:
		fmt.Fprintf(stderr, "stagecraft: %s\n", text)
	}
}
