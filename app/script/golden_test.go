package script_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// Each testdata/decisions/*.lua is a stage; what its enter handler decides, from wait to wait, stands in the golden file
// beside it. Its first line says what happens at each wait_for: the event comes, or silence.
func TestDecisions(t *testing.T) {
	files, err := filepath.Glob("testdata/decisions/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(source), "\n")
			golden(t, strings.TrimSuffix(file, ".lua")+".golden", transcript(t, string(source), strings.Split(strings.TrimPrefix(first, "-- "), ", ")))
		})
	}
}

// transcript runs the handler to its end and writes down what it decides. The customer's record follows it.
func transcript(t *testing.T, source string, comes []string) string {
	t.Helper()
	p, who, out := compile(t, journey(source)), customer(), &strings.Builder{}
	history := past{happened("Order Completed", 200*day, `{"revenue":20}`), happened("Order Completed", 190*day, `{"revenue":"12.5"}`)}
	call := script.Call{Handler: "one.lua#1", Stage: "one", Customer: who, Event: order(), Now: noon, Seed: 1, Run: lifecycle.HashID("run"), History: history}
	for range 20 {
		fmt.Fprintf(out, "%s\n", call.Now.Format("Mon 2006-01-02 15:04"))
		r, err := p.Run(call)
		if err != nil {
			fmt.Fprintf(out, "  fails: %v\n", err)
			return out.String()
		}
		for _, e := range r.Effects {
			fmt.Fprintf(out, "  %-8s %s   (%s:%d, step %d)\n", e.Kind, strings.TrimSpace(about(t, e)), e.File, e.Line, e.Step)
			take(t, who, e, call.Now)
		}
		switch {
		case r.Move != "":
			fmt.Fprintf(out, "  move     %s   (%s:%d)\n", r.Move, r.File, r.Line)
		case !r.Waiting:
			out.WriteString("  ends\n")
		}
		if !r.Waiting {
			return out.String()
		}
		fmt.Fprintf(out, "  waits until %s", r.Until.Format("Mon 2006-01-02 15:04"))
		call.Now, call.Journal, call.Woken = r.Until, stored(t, r.Journal), nil
		if r.For != nil {
			fmt.Fprintf(out, " for %s%s %v", r.For.Event, r.For.What, r.For.Filter)
			if len(comes) > 0 && comes[0] == "comes" {
				call.Now = call.Now.Add(-time.Hour)
				call.Woken = &lifecycle.Event{Type: lifecycle.Track, Name: "Email Clicked", Timestamp: call.Now, Properties: json.RawMessage(`{"url":"https://example.com"}`)}
			}
			comes = comes[min(1, len(comes)):]
		}
		fmt.Fprintf(out, "   (%s:%d, %d entries)\n", r.File, r.Line, len(r.Journal))
	}
	t.Fatal("it does not end")
	return ""
}

func about(t *testing.T, e script.Effect) string {
	text := e.Name + e.Text
	if e.Args != nil {
		data, err := json.Marshal(e.Args)
		if err != nil {
			t.Fatal(err)
		}
		text += " " + string(data)
	}
	if e.Value != nil {
		text += fmt.Sprintf(" = %v", e.Value)
	}
	if e.Odds != 0 {
		text += fmt.Sprintf(" at odds of %.2f", e.Odds)
	}
	if e.Kind == script.Score {
		text += fmt.Sprintf(" %v halved every %v", e.Award.Points, e.Award.HalfLife)
	}
	if e.To != "" {
		text += " to " + e.To
	}
	return text
}

// take applies an effect to the record, as the engine would.
func take(t *testing.T, who *lifecycle.Customer, e script.Effect, now time.Time) {
	switch e.Kind {
	case script.Set:
		data, err := json.Marshal(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		who.SetTrait(e.Name, data)
	case script.Tag:
		who.Tags = append(who.Tags, e.Name)
	case script.Untag:
		who.Tags = slices.DeleteFunc(who.Tags, func(tag string) bool { return tag == e.Name })
	case script.Score:
		who.Give(e.Award, now)
	}
}
