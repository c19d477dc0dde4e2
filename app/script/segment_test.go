package script_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/script"
)

func TestSegmentsThatAreRefused(t *testing.T) {
	in := func(body string) string { return "member(function(customer) return " + body + " end)" }
	for _, test := range []struct{ name, text, want string }{
		{"no window", in(`count("Order Completed") > 0`), "count needs a duration"},
		{"a clock", in(`now() > 3`), "now"},
		{"an act", in(`send "hello"`), "send"},
		{"itself", in(`in_segment "a"`), "segments/a.lua:1: the segments ask for each other in a circle: a -> a"},
		{"a circle", in(`in_segment "b"`), "in a circle: a -> b -> a"},
		{"nobody", in(`in_segment "c"`), `there is no segment "c"`},
		{"nobody, and no other one is there that it may mean", in(`in_segment "a2"`), `there is no segment "a2" (there are: b)`},
		{"a name that is worked out", in(`in_segment(customer.x)`), "plain text"},
		{"nothing", `segment { title = "x" }`, "does not say who is a member"},
		{"twice", in("true") + "\n" + in("true"), "segments/a.lua:2: member is called twice"},
		{"broken", "member(function(", "segments/a.lua"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := map[string][]byte{"a.lua": []byte(test.text), "b.lua": []byte(in(`in_segment "a"`))}
			_, err := script.New(script.Limits{}).CompileSegments(script.Source{Name: script.SegmentsFolder, Files: files})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

func TestAFilterWritesASegment(t *testing.T) {
	filter := script.SegmentFilter{Title: `a "b" \ c`, Rules: []script.FilterRule{
		{Kind: "trait", Name: `pl"an`, Is: "contains", Value: []byte(`"Pro"`)}, {Kind: "trait", Name: "age", Is: "more", Value: []byte(`18`), Not: true},
		{Kind: "tag", Name: "vip"}, {Kind: "count", Name: "Order Completed", Window: "30 days", Is: "less", Number: 2},
		{Kind: "sum", Name: "Order Completed", Property: "total", Window: "30 days", Number: 99.5}, {Kind: "stage", Name: "life"},
		{Kind: "stayed", Name: "life", Window: "3 days", Value: []byte(`"a"`)}, {Kind: "opened", Window: "3 days", Number: 2}, {Kind: "score", Number: 5},
		{Kind: "rfm", Window: "9 days", Number: 1, Amount: 5}, {Kind: "segment", Name: "other"},
	}}
	text, err := filter.Lua()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"a.lua": text, "other.lua": []byte("member(function() return true end)")}
	if _, err = script.New(script.Limits{}).CompileSegments(script.Source{Name: script.SegmentsFolder, Files: files}); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
	if again := script.FilterOf(text); again == nil || again.Title != filter.Title || len(again.Rules) != len(filter.Rules) {
		t.Errorf("the filter is not found again: %+v", again)
	}
	if script.FilterOf(append(text, "-- mine\n"...)) != nil {
		t.Error("a file that was changed is no filter any more")
	}
	if _, err = (&script.SegmentFilter{Rules: []script.FilterRule{{Kind: "count", Name: "x"}}}).Lua(); err == nil {
		t.Error("a count without a window was written")
	}
}

// Whatever is in a file, compiling it ends with segments or with errors that say where.
func FuzzCompileSegments(f *testing.F) {
	f.Add(`segment { title = "x" } member(function(c) return count("a", "3 days") > 1 end)`)
	f.Add(`member(function(c) return in_segment "a" and rfm {} end)`)
	f.Fuzz(func(t *testing.T, text string) {
		host := script.New(script.Limits{})
		_, err := host.CompileSegments(script.Source{Name: script.SegmentsFolder, Files: map[string][]byte{"a.lua": []byte(text)}})
		if err != nil && err.Error() == "" {
			t.Error("an error without a word")
		}
	})
}

// nothing knows nothing of anybody.
type nothing struct{}

func (nothing) Look(script.Question) (any, time.Time, error) { return nil, time.Time{}, nil }

// Who is a member depends on the steps that a predicate takes, on no clock.
func TestASegmentHasStepsAndNoClock(t *testing.T) {
	ask := func(limits script.Limits) (script.Outcome, error) {
		files := map[string][]byte{"a.lua": []byte("member(function() local n = 0 for i = 1, 20000 do n = n + i end return n > 0 end)")}
		segments, err := script.New(limits).CompileSegments(script.Source{Name: script.SegmentsFolder, Files: files})
		if err != nil {
			t.Fatal(err)
		}
		return segments.List[0].Ask(nothing{})
	}
	if out, err := ask(script.Limits{Wall: time.Nanosecond}); err != nil || !out.Member {
		t.Errorf("%+v %v", out, err)
	}
	if out, err := ask(script.Limits{Steps: 10_000}); err == nil {
		t.Errorf("%+v", out)
	}
}

// Segments find each other whatever their names begin with: files are sorted with ".lua", which stands between "-" and digits.
func TestSegmentsWhoseNamesBeginAlike(t *testing.T) {
	names := []string{"pro", "pro-", "pro-recent", "pro-recent-2", "pro0", "pro_", "pro_recent", "prof", "p", "p-", "p0"}
	files := map[string][]byte{}
	for i, name := range names {
		files[name+".lua"] = fmt.Appendf(nil, "member(function() return in_segment %q or true end)", names[(i+1)%len(names)])
	}
	files["p0.lua"] = []byte("member(function() return true end)")
	segments, err := script.New(script.Limits{}).CompileSegments(script.Source{Name: script.SegmentsFolder, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if one, at := segments.Find(name); one == nil || one.Name != name || segments.List[at] != one {
			t.Errorf("%s is found as %v at %d", name, one, at)
		}
	}
	for _, name := range []string{"", "pr", "pro-r", "pro1", "q"} {
		if one, at := segments.Find(name); one != nil || at != -1 {
			t.Errorf("%q, which is not there, is found as %v at %d", name, one, at)
		}
	}
	if first := segments.List[segments.Order[0]].Name; first != "p0" {
		t.Errorf("%s is asked before p0, for which it asks", first)
	}
}

// numbered is a customer whose number is another one each time.
type numbered struct{ asked int }

func (n *numbered) Look(script.Question) (any, time.Time, error) {
	n.asked++
	return float64(n.asked), time.Time{}, nil
}

// A segment that does too much work again and again is not run any more; one that does so now and then is.
func TestASegmentThatDoesTooMuchWorkIsBroken(t *testing.T) {
	for _, test := range []struct {
		name, heavy string
		asked       int
	}{{"always", "true", 20}, {"mostly", "customer.n % 20 > 0", 100}, {"never", "false", 100}} {
		files := map[string][]byte{"a.lua": []byte("member(function(customer)\n  if " + test.heavy + " and customer.n then while true do end end\n  return true\nend)")}
		if test.name == "always" {
			files["a.lua"] = []byte("member(function(customer)\n  if customer.n then while true do end end\nend)")
		}
		segments, err := script.New(script.Limits{Steps: 2000}).CompileSegments(script.Source{Name: script.SegmentsFolder, Files: files})
		if err != nil {
			t.Fatal(err)
		}
		one, n := segments.List[0], &numbered{}
		for range 100 {
			var out script.Outcome
			if out, err = one.Ask(n); err != nil && out.Reads != one.Touches("n") {
				t.Fatalf("%s: %+v", test.name, out)
			}
		}
		broken := err != nil && strings.Contains(err.Error(), "20 times in a row") && strings.HasPrefix(err.Error(), "segments/a.lua:2")
		if broken != (test.asked == 20) || test.name != "never" && n.asked != test.asked {
			t.Errorf("%s: asked %d times, %v", test.name, n.asked, err)
		}
	}
}
