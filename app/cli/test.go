package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"stagecraft/app"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/scripts"
)

// TestCommand runs the tests that stand beside the scripts.
type TestCommand struct {
	Dir     string `arg:"" optional:"" help:"A folder of journeys, or one journey's folder. Default: the one you are in; else those of the data folder, or of scripts; else the built-in journeys."`
	Filter  string `name:"run" placeholder:"TEXT" help:"Only the cases whose file or name contains this."`
	Watch   bool   `name:"watch" short:"w" help:"Run them again whenever a file changes."`
	Verbose bool   `name:"verbose" short:"v" help:"Show the cases that pass, too."`
	JSON    bool   `name:"json" help:"Print the results as JSON, one object for each run."`
	scriptsFolder
}

// testsPoll is how often the files are looked at.
const testsPoll = 250 * time.Millisecond

// testRun is what one run of all tests found.
type testRun struct {
	Passed   int                 `json:"passed"`
	Failed   int                 `json:"failed"`
	Journeys []testedJourney     `json:"journeys"`
	Results  []script.TestResult `json:"results"`
	Took     time.Duration       `json:"took"` // in nanoseconds
}

type testedJourney struct {
	Name    string        `json:"name"`
	Cases   int           `json:"cases"`
	Failed  int           `json:"failed"`
	Took    time.Duration `json:"took"`
	Error   string        `json:"error,omitempty"` // the journey itself is broken
	results []script.TestResult
	err     error
}

// Run runs the tests once, or until it is interrupted.
func (c *TestCommand) Run(w *world) error {
	folder, dir, only, err := c.find(c.Dir)
	if err != nil {
		return err
	}
	c.elsewhere(w, c.Dir, dir)
	if !c.Watch {
		return c.once(w.ctx, w.stdout, folder, dir, only)
	}
	if dir == "" {
		return lifecycle.Errorf(lifecycle.Invalid, "the built-in journeys do not change; name a folder to watch")
	}
	for seen := ""; ; {
		if now := app.Fingerprint(dir); now != seen {
			seen = now
			fmt.Fprintf(w.stdout, "%s\n", time.Now().Format("15:04:05"))
			var failed *Exit
			if err := c.once(w.ctx, w.stdout, folder, dir, only); err != nil && !errors.As(err, &failed) {
				fmt.Fprintf(w.stdout, "%s\n", err) // a file that is half saved; the next look sees it whole
			}
		}
		if (lifecycle.WallClock{}).Wait(w.ctx, time.Now().Add(testsPoll)) != nil {
			return nil
		}
	}
}

// find returns the scripts folder that was asked for, or else the nearest one, where it is on the disk ("" for the
// built-in one), and the one journey that was asked for, if one was. The server's comes before one that only has the
// usual name.
func (f *scriptsFolder) find(asked string) (folder fs.FS, dir, only string, err error) {
	if asked == "" {
		asked = f.Scripts
	}
	for _, dir = range []string{asked, ".", filepath.Join(f.Data, "scripts"), "scripts"} {
		if dir == "" {
			continue
		}
		if is(dir, "journey.lua") {
			if dir, err = filepath.Abs(dir); err != nil {
				return nil, "", "", lifecycle.Wrap(lifecycle.Invalid, err, "%s has no parent", dir)
			}
			dir, only = filepath.Split(dir)
			return os.DirFS(dir), dir, only, nil
		}
		if found, _ := filepath.Glob(filepath.Join(dir, "*", "journey.lua")); len(found) > 0 {
			return os.DirFS(dir), dir, "", nil
		}
		if dir == asked {
			return nil, "", "", noJourney(dir)
		}
	}
	return scripts.Files, "", "", nil
}

// elsewhere tells on w.stderr that scripts were taken which are not those of the data folder, though nobody asked for them.
func (f *scriptsFolder) elsewhere(w *world, asked, dir string) {
	its := filepath.Join(f.Data, "scripts")
	if asked != "" || f.Scripts != "" || dir != "" && dir != "scripts" {
		return
	}
	taken := "the built-in ones are taken"
	if dir != "" {
		taken = "those in " + dir + " are taken"
	}
	fmt.Fprintf(w.stderr, "there are no journeys in %s: %s; --data names the data folder of the server\n", its, taken)
}

// noJourney says why a folder that was asked for holds no journey.
func noJourney(dir string) error {
	if info, err := os.Stat(dir); err != nil {
		return lifecycle.Wrap(lifecycle.NotFound, err, "%s cannot be read", dir)
	} else if !info.IsDir() {
		return lifecycle.Errorf(lifecycle.Invalid, "%s is a file; name a folder", dir)
	}
	if _, err := os.ReadDir(dir); err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "%s cannot be read", dir)
	}
	return lifecycle.Errorf(lifecycle.NotFound, "%s has no journey: no folder with a journey.lua", dir)
}

func is(dir, file string) bool {
	info, err := os.Stat(filepath.Join(dir, file))
	return err == nil && info.Mode().IsRegular()
}

// once runs all tests and prints what became of them.
func (c *TestCommand) once(ctx context.Context, out io.Writer, folder fs.FS, dir, only string) error {
	began := time.Now()
	sources, err := script.ReadSources(folder)
	if err != nil {
		return err
	}
	if only != "" {
		kept := sources[:0]
		for _, source := range sources {
			if source.Name == only {
				kept = append(kept, source)
			}
		}
		sources = kept
	} else {
		sources = append(sources, script.Source{Name: script.SegmentsFolder})
	}
	run := testRun{Journeys: []testedJourney{}, Results: []script.TestResult{}}
	for _, tested := range c.journeys(ctx, folder, sources) {
		if tested.err != nil && ctx.Err() != nil {
			return &Exit{130, nil}
		}
		if len(tested.results) == 0 && tested.err == nil {
			continue
		}
		run.Journeys = append(run.Journeys, tested)
		run.Results = append(run.Results, tested.results...)
		run.Failed += tested.Failed
		run.Passed += tested.Cases - tested.Failed
	}
	run.Took = time.Since(began)
	if c.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(run)
	} else {
		where := "the built-in journeys"
		if dir != "" {
			where = shortest(filepath.Join(dir, only))
		}
		_, err = io.WriteString(out, c.text(run, dir, where))
	}
	if err == nil && (run.Failed > 0 || len(run.Journeys) == 0 && c.Filter != "") {
		err = &Exit{1, nil}
	}
	return err
}

// journeys tests several journeys at once, and returns them in their order.
func (c *TestCommand) journeys(ctx context.Context, folder fs.FS, sources []script.Source) []testedJourney {
	host := script.New(script.Limits{})
	tested := make([]testedJourney, len(sources))
	places := make(chan struct{}, runtime.GOMAXPROCS(0))
	done := make(chan struct{})
	for i, source := range sources {
		go func() {
			places <- struct{}{}
			tested[i] = c.journey(ctx, host, folder, source)
			<-places
			done <- struct{}{}
		}()
	}
	for range sources {
		<-done
	}
	return tested
}

func (c *TestCommand) journey(ctx context.Context, host *script.Host, folder fs.FS, source script.Source) testedJourney {
	began := time.Now()
	t := testedJourney{Name: source.Name}
	_, t.err = app.RunTests(ctx, host, folder, source, c.Filter, func(result script.TestResult) {
		t.results = append(t.results, result)
		if t.Cases++; result.Failure != nil {
			t.Failed++
		}
	})
	if t.err != nil {
		t.Error = t.err.Error()
		t.Cases, t.Failed = t.Cases+1, t.Failed+1
	}
	t.Took = time.Since(began)
	return t
}

// text shows a run: what failed in full, the rest in a line per journey.
func (c *TestCommand) text(run testRun, dir, where string) string {
	var out strings.Builder
	for _, journey := range run.Journeys {
		state := "ok  "
		if journey.Failed > 0 {
			state = "FAIL"
		}
		fmt.Fprintf(&out, "%s  %-28s %s  %s\n", state, journey.Name, plural(journey.Cases, "case", "cases"), seconds(journey.Took))
		if journey.err != nil {
			fmt.Fprintf(&out, "\n  ✗ the journey cannot run\n%s\n\n", indented(journey.Error, "      "))
		}
		for _, result := range journey.results {
			switch {
			case result.Failure != nil:
				out.WriteString(failed(result, dir))
			case c.Verbose:
				fmt.Fprintf(&out, "  ✓ %s  %s\n", result.Name, seconds(result.Took))
			}
		}
	}
	switch {
	case len(run.Journeys) > 0:
		fmt.Fprintf(&out, "\n%s passed, %d failed, %s  (%s)\n", plural(run.Passed, "case", "cases"), run.Failed, seconds(run.Took), where)
	case c.Filter != "":
		fmt.Fprintf(&out, "no case of %s contains %q\n", where, c.Filter)
	default:
		fmt.Fprintf(&out, "%s: no tests yet; put files that end in _test.lua beside the stages\n", where)
	}
	return out.String()
}

// failed shows a case that failed: where, the line itself, what was expected, and what had happened until then.
func failed(result script.TestResult, dir string) string {
	var out strings.Builder
	f := result.Failure
	file := f.File
	if dir != "" { // as an editor finds it
		file = filepath.Join(shortest(dir), filepath.FromSlash(file))
	}
	fmt.Fprintf(&out, "\n  ✗ %s\n      %s:%d: %s\n", result.Name, file, f.Line, f.Message)
	if f.Source != "" {
		fmt.Fprintf(&out, "%10d | %s\n", f.Line, printable(f.Source))
	}
	if f.Expected != "" {
		fmt.Fprintf(&out, "      expected  %s\n      actual    %s\n", f.Expected, f.Actual)
	}
	if f.During != "" {
		fmt.Fprintf(&out, "      while the test was at %s\n", f.During)
	}
	if f.Hint != "" {
		fmt.Fprintf(&out, "      = %s\n", f.Hint)
	}
	if len(result.Story) > 0 {
		fmt.Fprintf(&out, "      what had happened\n%s\n", indented(strings.Join(result.Story, "\n"), "        "))
	}
	out.WriteString("\n")
	return out.String()
}

func indented(text, space string) string {
	return space + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+space)
}

func seconds(took time.Duration) string { return fmt.Sprintf("%.3fs", took.Seconds()) }
