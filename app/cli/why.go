package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"stagecraft/app"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// WhyCommand asks why something happened to a customer, or did not.
type WhyCommand struct {
	Customer string `arg:"" help:"A user ID, an anonymous ID or the customer's own ID."`
	Message  string `arg:"" optional:"" help:"A message's name, or its reference in the ledger: why they got it, or did not. Default: where they are, and all that was decided lately."`
	JSON     bool   `name:"json" help:"Print JSON."`
	Remote
}

// Run asks.
func (c *WhyCommand) Run(w *world) error {
	path := "/v1/customers/" + url.PathEscape(c.Customer) + "/why"
	if c.Message != "" {
		path += "?message=" + url.QueryEscape(c.Message)
	}
	var why app.Why
	if done, err := c.ask(w, path, c.JSON, &why); done || err != nil {
		return err
	}
	printWhy(w.stdout, &why)
	return nil
}

// ask asks a running server; done says that the answer was printed as it came.
func (r Remote) ask(w *world, path string, plain bool, answer any) (done bool, err error) {
	client, err := r.client()
	if err != nil {
		return false, err
	}
	var text json.RawMessage
	if _, err = client.Get(w.ctx, path, &text); err != nil {
		return false, err
	}
	if plain {
		_, err = fmt.Fprintf(w.stdout, "%s\n", text)
		return true, err
	}
	return false, json.Unmarshal(text, answer)
}

func printWhy(out io.Writer, why *app.Why) {
	for _, sentence := range why.Answer {
		fmt.Fprintln(out, sentence)
	}
	if why.Message == "" {
		for _, j := range why.Journeys {
			for _, wait := range j.Waits {
				fmt.Fprintf(out, "  %s: %s\n", j.Journey, wait)
			}
		}
	}
	for _, d := range why.Decisions {
		fmt.Fprintf(out, "\n%s  %s\n", d.At.UTC().Format("2006-01-02 15:04:05"), d.Cause)
		for _, s := range d.Scripts {
			fmt.Fprintf(out, "  %s (%s:%d, version %.8s), lines %s; it %s\n", s.Handler, s.File, s.Line, s.Version, linesOf(s.Lines), s.Ended)
			for _, c := range s.Conditions {
				held := "on one line"
				if c.Held != nil {
					held = fmt.Sprint(*c.Held)
				}
				fmt.Fprintf(out, "    %s:%d  if %s: %s\n", c.File, c.Line, c.Text, held)
			}
			for _, r := range s.Reads {
				value, _ := json.Marshal(r.Value)
				fmt.Fprintf(out, "    %s:%d  %s = %s\n", r.File, r.Line, r.What, value)
			}
		}
		for _, effect := range d.Effects {
			fmt.Fprintf(out, "  > %s\n", effect)
		}
		for _, gate := range d.Gates {
			fmt.Fprintf(out, "    %s  %s\n", gate.At.UTC().Format("2006-01-02 15:04:05"), gate.Text)
		}
	}
	if len(why.Decisions) > 0 && len(why.Missed) > 0 {
		fmt.Fprintln(out, "\nElsewhere it was not sent:")
		for _, m := range why.Missed {
			fmt.Fprintf(out, "  %s:%d, %s: %s\n", m.File, m.Line, m.Handler, strings.Join(m.Reasons, "; "))
		}
	}
	printNotes(out, why.Notes)
}

func printNotes(out io.Writer, notes []string) {
	if len(notes) > 0 {
		fmt.Fprintln(out)
	}
	for _, note := range notes {
		fmt.Fprintf(out, "Note: %s.\n", strings.TrimSuffix(note, "."))
	}
}

// linesOf writes places as people do: a.lua 12-14, 20.
func linesOf(places []script.Place) string {
	by := map[string][]int{}
	var files []string
	for _, p := range places {
		if by[p.File] == nil {
			files = append(files, p.File)
		}
		by[p.File] = append(by[p.File], p.Line)
	}
	var parts []string
	for _, file := range files {
		lines := by[file]
		slices.Sort(lines)
		var spans []string
		for i := 0; i < len(lines); {
			end := i
			for end+1 < len(lines) && lines[end+1] == lines[end]+1 {
				end++
			}
			if span := fmt.Sprint(lines[i]); end > i {
				spans = append(spans, fmt.Sprintf("%s-%d", span, lines[end]))
			} else {
				spans = append(spans, span)
			}
			i = end + 1
		}
		parts = append(parts, file+" "+strings.Join(spans, ", "))
	}
	return strings.Join(parts, "; ")
}

// ReplayCommand lives a customer's events again.
type ReplayCommand struct {
	Customer string `arg:"" help:"A user ID, an anonymous ID or the customer's own ID."`
	JSON     bool   `name:"json" help:"Print JSON."`
	Remote
}

// Run replays; it is a failure if the states differ, unless the timeline lacks something on which that hangs.
func (c *ReplayCommand) Run(w *world) error {
	var replayed app.Replayed
	if done, err := c.ask(w, "/v1/customers/"+url.PathEscape(c.Customer)+"/replay", c.JSON, &replayed); done || err != nil {
		return err
	}
	fmt.Fprintf(w.stdout, "%s: %d events, %d calls of scripts and %d facts until %s\n", replayed.User, replayed.Events, replayed.Scripts, replayed.Facts,
		replayed.Until.UTC().Format("2006-01-02 15:04:05"))
	if replayed.Equal {
		fmt.Fprintln(w.stdout, "The events alone lead to the same state.")
	}
	for _, d := range replayed.Differences {
		fmt.Fprintf(w.stdout, "  %s\n    stored    %s\n    replayed  %s\n", d.Field, orNothing(d.Stored), orNothing(d.Replayed))
	}
	if replayed.More > 0 {
		fmt.Fprintf(w.stdout, "  and %d more\n", replayed.More)
	}
	printNotes(w.stdout, replayed.Notes)
	switch {
	case replayed.Equal:
	case replayed.Incomplete:
		fmt.Fprintln(w.stdout, "The timeline does not have everything that it hangs on, so that nobody can tell whether the events alone lead to the state that is stored.")
	default:
		return lifecycle.Errorf(lifecycle.Conflict, "the events lead to another state than the one that is stored")
	}
	return nil
}

func orNothing(text string) string {
	if text == "" {
		return "(nothing)"
	}
	return text
}
