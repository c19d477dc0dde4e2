package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stagecraft/app"
	"stagecraft/app/lifecycle"
)

// diff compares two versions of a journey over one history.
func (c *SimulateCommand) diff(w *world, until time.Time) error {
	if len(c.Journeys) != 2 {
		return lifecycle.Errorf(lifecycle.Invalid, "--diff takes two versions: OLD and NEW, each the folder of a journey or the name of a built-in one")
	}
	var versions [2]app.Version
	var placed [2]bool // it stands in a folder
	for i, name := range c.Journeys {
		var err error
		if versions[i], placed[i], err = c.version(name); err != nil {
			return err
		}
	}
	for i, other := range []int{1, 0} { // beside a built-in one stands what stands beside the one that it is compared with
		if !placed[i] {
			versions[i].Beside = versions[other].Beside
		}
	}
	policy, err := c.policy()
	if err != nil {
		return err
	}
	history, err := c.history(w)
	if err != nil {
		return err
	}
	defer history.Close()
	diff, err := app.NewDiff(w.ctx, versions[0], versions[1], until)
	if err != nil {
		return err
	}
	defer diff.Close()
	diff.Caps(app.PolicyOf(policy))
	progress := NewProgress(w.stderr)
	count, rejected, err := c.feed(w.ctx, diff, history, progress)
	if err != nil {
		return err
	}
	result, err := diff.Finish(w.ctx, count, max(c.Examples, 0))
	progress.Clear()
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(w.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(result)
	} else {
		_, err = io.WriteString(w.stdout, diffText(result, c.Journeys))
	}
	return c.leftOut(err, rejected)
}

// version reads the folder of a journey, with the segments and scores beside it; a name that is no folder is that of a journey
// in --scripts, or a built-in one. It says whether the journey stands in a folder.
func (c *SimulateCommand) version(name string) (version app.Version, placed bool, err error) {
	if is(name, "journey.lua") {
		path, err := filepath.Abs(name)
		if err != nil {
			return version, true, lifecycle.Wrap(lifecycle.Invalid, err, "%s cannot be found", name)
		}
		version, err = app.FindVersion(os.DirFS(filepath.Dir(path)), filepath.Base(path))
		return version, true, err
	}
	if strings.ContainsAny(name, `/\.`) {
		return version, false, lifecycle.Errorf(lifecycle.Invalid, "%s is not the folder of a journey: there is no %s", name, filepath.Join(name, "journey.lua"))
	}
	version, err = c.named(name)
	return version, c.Scripts != "", err
}

// diffText shows what differs: the figures, then some lives.
func diffText(r *app.DiffResult, names []string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\nold %.8s  %s\nnew %.8s  %s\nuntil %s: %s of %s\n", r.Journey, r.Old, names[0], r.New, names[1], r.Until.Format(time.RFC3339),
		plural(r.Events, "event", "events"), plural(int(r.Customers), "customer", "customers"))
	kind := ""
	for _, change := range r.Changes {
		if change.Kind != kind {
			kind = change.Kind
			fmt.Fprintf(&out, "\n%-42s %12s %12s %12s\n", kind, "old", "new", "difference")
		}
		fmt.Fprintf(&out, "  %-40s %12d %12d %+12d\n", change.Name, change.Old, change.New, change.New-change.Old)
	}
	switch {
	case r.Differ == 0:
		out.WriteString("\nNothing changes: the same would have become of every customer.\n")
	case len(r.Changes) == 0:
		fmt.Fprintf(&out, "\nThe sums are the same, but something else would have become of %s.\n", plural(r.Differ, "customer", "customers"))
	default:
		fmt.Fprintf(&out, "\nSomething else would have become of %s.\n", plural(r.Differ, "customer", "customers"))
	}
	for _, life := range r.Examples {
		fmt.Fprintf(&out, "\n%s\n", life.User)
		for _, line := range life.Lines {
			mark := map[string]string{"old": "-", "new": "+", "both": " "}[line.In]
			fmt.Fprintf(&out, "%s %s\n", mark, line.Text)
		}
	}
	for _, failure := range r.Errors {
		fmt.Fprintf(&out, "\n%s\n", failure)
	}
	fmt.Fprintf(&out, "\n%s\n", r.Note)
	return out.String()
}
