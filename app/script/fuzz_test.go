package script_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"stagecraft/app/script"
)

// Whatever the source is, Compile returns a program or errors with file and line, and every handler of a program can
// be run.
func FuzzCompile(f *testing.F) {
	f.Add(typical)
	f.Add(story)
	for _, code := range hostile {
		f.Add(code)
	}
	f.Add("a[b], c = d .. e, {[f]=g, ...}")
	host := script.New(script.Limits{Steps: 20_000})
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		defer func() {
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		}()
		p, err := host.Compile(journey(text))
		if err != nil {
			var errs script.Errors
			if !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("error %v", err)
			}
			for _, e := range errs {
				if e.File == "" || e.Line < 1 || e.Message == "" || strings.Contains(e.Message, "Lua machine failed") {
					t.Errorf("error %+v", e)
				}
			}
			return
		}
		for _, h := range p.Journey.Stage("one").Handlers {
			_, err := run(p, h.ID)
			if err != nil && strings.Contains(err.Error(), "Lua machine failed") {
				t.Errorf("%s: %v", h.ID, err)
			}
		}
	})
}

// Front matter, whatever it is, is read or refused with a line.
func FuzzFrontMatter(f *testing.F) {
	f.Add("---\nsubject: Hello\nkind: marketing\n---\nbody")
	f.Add("---\n- a\n---\n")
	f.Add("---\nsubject: &a [*a, *a]\n---\n")
	f.Add("---\n\n---\n")
	host := script.New(patient)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := host.Compile(journey("", "messages/x.sms.liquid", text))
		var errs script.Errors
		if errors.As(err, &errs) {
			for _, e := range errs {
				if e.Line < 1 || e.Line > strings.Count(text, "\n")+2 || e.File != "test/messages/x.sms.liquid" {
					t.Errorf("error %+v", e)
				}
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		m, ok := p.Template("x", "sms", "")
		if !ok || !strings.HasSuffix(text, m.Body) || !utf8.ValidString(m.Body) {
			t.Errorf("template %+v", m)
		}
	})
}

// The pattern matcher finds what Go's regular expressions find, for the patterns that both can say.
func FuzzPattern(f *testing.F) {
	f.Add("hello world", []byte{1, 2, 3, 40, 5})
	f.Add("aaabbb", []byte{0, 16, 1, 33, 2, 48})
	host := script.New(script.Limits{Steps: 1 << 20, Wall: time.Minute})
	p := compileWith(f, host, journey(`
enter(function(customer, event)
  local s, p = event.properties.s, event.properties.p
  local a, b, c = s:find(p)
  log(a, b, c)
  log((s:gsub(p, "<%0>")))
end)`))
	atoms := [][2]string{{"a", "a"}, {"b", "b"}, {".", "(?s:.)"}, {"%a", "[A-Za-z]"}, {"%d", "[0-9]"}, {"[ab]", "[ab]"}, {"[^a]", "[^a]"}, {"%s", `[\t-\r ]`}, {"%.", `\.`}, {"[%a_]", "[A-Za-z_]"}, {"x", "x"}, {"%W", "[^0-9A-Za-z]"}}
	quantifiers := [][2]string{{"", ""}, {"*", "*"}, {"+", "+"}, {"-", "*?"}, {"?", "?"}}
	f.Fuzz(func(t *testing.T, subject string, spec []byte) {
		if len(subject) > 30 || len(spec) > 8 {
			return
		}
		for _, c := range []byte(subject) {
			if c >= 0x80 || c == 0 {
				return
			}
		}
		var ours, theirs strings.Builder
		captures := 0
		for i, b := range spec {
			if i == 0 && b&0x80 != 0 {
				ours.WriteByte('^')
				theirs.WriteByte('^')
			}
			atom, quantifier := atoms[int(b&0x0f)%len(atoms)], quantifiers[int(b>>4&7)%len(quantifiers)]
			piece := [2]string{atom[0] + quantifier[0], atom[1] + quantifier[1]}
			if i == 1 {
				piece = [2]string{"(" + piece[0] + ")", "(" + piece[1] + ")"}
				captures++
			}
			ours.WriteString(piece[0])
			theirs.WriteString(piece[1])
		}
		re := regexp.MustCompile(theirs.String())
		event := order()
		event.Properties = fmt.Appendf(nil, `{"s":%s,"p":%s}`, quote(subject), quote(ours.String()))
		r, err := p.Run(script.Call{Handler: "one.lua#1", Customer: customer(), Event: event})
		if err != nil && strings.Contains(err.Error(), "too ") {
			return // stacked quantifiers may well cost too much
		}
		if err != nil {
			t.Fatalf("%q in %q: %v", ours.String(), subject, err)
		}
		want := "nil nil nil"
		if at := re.FindStringSubmatchIndex(subject); at != nil {
			want = fmt.Sprintf("%d %d nil", at[0]+1, at[1])
			if captures > 0 {
				want = fmt.Sprintf("%d %d %s", at[0]+1, at[1], subject[at[2]:at[3]])
			}
		}
		if got := r.Effects[0].Text; got != want {
			t.Errorf("%q in %q: %q, want %q", ours.String(), subject, got, want)
		}
	})
}
