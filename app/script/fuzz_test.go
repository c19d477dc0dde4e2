package script_test

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
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

// wait_until: whatever can be read as a moment comes strictly after now, on a day it names, when the clock shows it or has
// just skipped it; nothing earlier would have done.
func FuzzMoment(f *testing.F) {
	f.Add("09:00", int64(1743235200), uint8(0))
	f.Add("mon-fri 02:30", int64(1743274800), uint8(1))
	f.Add("sat,sun 01:59", int64(1762063200), uint8(2))
	f.Add("00:00", int64(1541289600), uint8(3))
	f.Add("TZ=x 09:00", int64(0), uint8(4))
	zones := []*time.Location{time.UTC, zone(f, "Europe/Berlin"), zone(f, "America/New_York"), zone(f, "America/Sao_Paulo"), zone(f, "Australia/Lord_Howe"), zone(f, "Asia/Kathmandu"), zone(f, "Africa/Cairo")}
	f.Fuzz(func(t *testing.T, spec string, unix int64, which uint8) {
		moment, err := script.ParseMoment(spec)
		if err != nil {
			if len(err.Error()) > 1000 || !strings.Contains(err.Error(), "09:00") {
				t.Errorf("%v", err)
			}
			return
		}
		if unix < 0 || unix > 4e9 {
			return
		}
		z, now := zones[int(which)%len(zones)], time.Unix(unix, 0)
		at := moment.After(now, z)
		if !at.After(now) || at.Sub(now) > 8*24*time.Hour+2*time.Hour {
			t.Fatalf("%q after %v is %v", spec, now.In(z), at.In(z))
		}
		// Go through the minutes before: none may show the time on one of the days.
		shows := func(t time.Time) bool {
			local := t.In(z)
			return moment.Days[local.Weekday()] && local.Hour() == moment.Hour && local.Minute() == moment.Minute
		}
		skipped := func(t time.Time) bool { // the clock has just jumped over it
			before, after := t.Add(-time.Minute).In(z), t.In(z)
			from, to := before.Hour()*60+before.Minute(), after.Hour()*60+after.Minute()
			if to < from {
				to += 24 * 60
			}
			want := moment.Hour*60 + moment.Minute
			return to > from+1 && (want > from && want < to || want+24*60 > from && want+24*60 < to)
		}
		if !shows(at) && !skipped(at) {
			t.Errorf("%q after %v is %v", spec, now.In(z), at.In(z))
		}
		repeated := func(t time.Time) bool { return shows(t.Add(-time.Hour)) || shows(t.Add(-30*time.Minute)) }
		for m := now.Truncate(time.Minute).Add(time.Minute); m.Before(at); m = m.Add(time.Minute) {
			if m.After(now) && shows(m) && !repeated(m) {
				t.Fatalf("%q after %v is %v, but %v comes first", spec, now.In(z), at.In(z), m.In(z))
			}
		}
	})
}

// tonumber reads what Lua 5.1 reads, and never more than Go's parser agrees to.
func FuzzToNumber(f *testing.F) {
	for _, text := range []string{"1", " 0x1F ", "1e3", "-7.5", "inf", "1_0", ".5", "5.", "0x", "+1", "١"} {
		f.Add(text)
	}
	p := compileWith(f, script.New(patient), journey(`enter(function(customer, event) log(tonumber(event.properties.s)) end)`))
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || len(text) > 1000 {
			return
		}
		event := order()
		event.Properties = fmt.Appendf(nil, `{"s":%s}`, quote(text))
		r, err := p.Run(script.Call{Handler: "one.lua#1", Customer: customer(), Event: event})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Effects[0].Text; got != "nil" {
			want, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			n, errGot := strconv.ParseFloat(got, 64)
			if err == nil && (errGot != nil || n != want && math.Abs(n-want) > 1e-12*math.Abs(want)) {
				t.Errorf("%q is %s", text, got)
			}
		}
	})
}

// string.format, whatever the format, ends with a text or an error of the script's.
func FuzzFormat(f *testing.F) {
	for _, format := range []string{"%d", "%5.2f%%", "%q", "%999d", "%-+ #0s", "%c%i%o%u%x%X%e%E%g%G", "%"} {
		f.Add(format)
	}
	p := compileWith(f, script.New(patient), journey(`enter(function(customer, event) log(pcall(string.format, event.properties.s, 65, 2.5, "x", -1, 1e300)) end)`))
	f.Fuzz(func(t *testing.T, format string) {
		event := order()
		event.Properties = fmt.Appendf(nil, `{"s":%s}`, quote(format))
		if _, err := p.Run(script.Call{Handler: "one.lua#1", Customer: customer(), Event: event}); err != nil && strings.Contains(err.Error(), "machine failed") {
			t.Errorf("%q: %v", format, err)
		}
	})
}

// What stage { … } and the words read from texts is taken or refused at the line it stands on: shares, times to come
// again, durations, addresses, names.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{"10%", "never", "30 days", "PT36H", "https://example.com", "vip", "1e999 days", "%", "https://[::1", "x\x00y", "-5%", "1.5.5%"} {
		f.Add(text)
	}
	host := script.New(patient)
	p := compileWith(f, host, journey(`enter(function(customer, event)
	  local s = event.properties.s
	  for i, word in ipairs({ wait_for, set, tag, webhook, track, score, count, split, choose, wait_until, wait }) do pcall(word, s, s, s) end
	end)`))
	f.Fuzz(func(t *testing.T, text string) {
		event := order()
		event.Properties = fmt.Appendf(nil, `{"s":%s}`, quote(text))
		if r, err := p.Run(script.Call{Handler: "one.lua#1", Customer: customer(), Event: event, Now: noon}); err != nil || r.Waiting && !r.Until.After(noon) {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
		if strings.ContainsAny(text, "\r\n") {
			return
		}
		for _, field := range []string{"holdout", "reenter", "exit", "goal", "title"} {
			_, err := host.Compile(journey("stage { " + field + " = " + strconv.Quote(text) + " }"))
			var errs script.Errors
			if err != nil && (!errors.As(err, &errs) || len(errs) == 0 || errs[0].Line != 1) {
				t.Errorf("%s = %q: %v", field, text, err)
			}
		}
	})
}

// A journal that is not the run's own, or that somebody has damaged, gives an error with both sides, never a wrong step.
func FuzzJournal(f *testing.F) {
	f.Add("send", `"hello"`, "x", uint8(0))
	f.Add("wait", `"30 days"`, "", uint8(4))
	p := compileWith(f, script.New(patient), journey(story))
	first, err := run(p, "one.lua#1")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, op, arg, value string, at uint8) {
		journal := append([]script.Entry(nil), first.Journal...)
		i := int(at) % len(journal)
		was := journal[i]
		journal[i] = script.Entry{Op: op, Arg: arg, Value: value}
		_, err := run(p, "one.lua#1", journal...)
		if same := was.Op == op && was.Arg == arg; same != (err == nil) {
			t.Errorf("%+v for %+v: %v", journal[i], was, err)
		}
		if err != nil && !strings.Contains(err.Error(), "the journal says") {
			t.Errorf("%v", err)
		}
	})
}
