package script_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

func TestJourneyIsFilled(t *testing.T) {
	src := journey(`
stage { title = "The first", goal = "Order Completed", next = "two" }
enter(function(customer) send "hello" end)
leave(function(customer) log("bye") end)
on("Page Viewed", function(customer, event) end, { parallel = true })
idle("Order Completed", "180 days", function(customer) move "two" end)
`)
	src.Files["journey.lua"] = []byte(string(src.Files["journey.lua"]) + "\non(\"Refunded\", function() end)\n")
	p := compile(t, src)
	want := lifecycle.Journey{
		Name: "test", Title: "Test", Version: src.Version(),
		Moves: map[string][]string{"one": {"two"}, "two": {"one"}},
		Stages: []lifecycle.Stage{
			{Name: "one", Title: "The first", Goals: []string{"Order Completed"}, Next: "two", File: "test/one.lua", Handlers: []lifecycle.Handler{
				{ID: "one.lua#1", Kind: lifecycle.OnEnter, File: "test/one.lua", Line: 3},
				{ID: "one.lua#2", Kind: lifecycle.OnLeave, File: "test/one.lua", Line: 4},
				{ID: "one.lua#3", Kind: lifecycle.OnEvent, Event: "Page Viewed", Parallel: true, File: "test/one.lua", Line: 5},
				{ID: "one.lua#4", Kind: lifecycle.OnIdle, Event: "Order Completed", After: 180 * 24 * time.Hour, File: "test/one.lua", Line: 6},
			}},
			{Name: "two", Title: "Two", File: "test/two.lua"},
		},
		Handlers: []lifecycle.Handler{{ID: "journey.lua#1", Kind: lifecycle.OnEvent, Event: "Refunded", File: "test/journey.lua", Line: 2}},
	}
	if !reflect.DeepEqual(p.Journey, want) {
		t.Errorf("got  %+v\nwant %+v", p.Journey, want)
	}
	if len(p.Templates) != 3 {
		t.Errorf("%d templates", len(p.Templates))
	}
	if text, ok := p.Source("test/two.lua"); !ok || !strings.Contains(string(text), "Two") {
		t.Errorf("Source = %q, %v", text, ok)
	}
}

func TestEffects(t *testing.T) {
	p := compile(t, journey(`
local function greet(name)
  send(name, { by = "sms" })
end

enter(function(customer, event)
  send "bye"
  greet "hello"
  log("total", event.properties.total)
  move "two"
  log("never")
end)`))
	r, err := run(p, "one.lua#1")
	if err != nil {
		t.Fatal(err)
	}
	want := []script.Effect{
		{Kind: script.Send, Name: "bye", Step: 0, File: "test/one.lua", Line: 7},
		{Kind: script.Send, Name: "hello", Args: map[string]any{"by": "sms"}, Step: 1, File: "test/one.lua", Line: 3},
		{Kind: script.Log, Text: "total 49.5", Step: 2, File: "test/one.lua", Line: 9},
	}
	if !reflect.DeepEqual(r.Effects, want) {
		t.Errorf("effects %+v", r.Effects)
	}
	if r.Move != "two" || r.Line != 10 || r.File != "test/one.lua" || r.Waiting || r.Steps == 0 {
		t.Errorf("result %+v", r)
	}
}

func TestReading(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{`customer.email`, "ada@example.com"},
		{`customer.traits.plan`, "pro"},
		{`customer.plan`, "pro"},
		{`customer.stage`, "one"},
		{`customer.user_id`, "u1"},
		{`customer.anonymous_id`, "nil"},
		{`customer.nothing`, "nil"},
		{`#customer.id`, "32"},
		{`customer.traits.score`, "0"},
		{`customer.vip`, "false"},
		{`customer.address.city`, "London"},
		{`customer.address.lines[2]`, "b"},
		{`#customer.address.lines`, "2"},
		{`customer.address.zip.code + 1`, "8"},
		{`event.name`, "Order Completed"},
		{`event.type`, "track"},
		{`event.message_id`, "m1"},
		{`event.user_id`, "u1"},
		{`event.anonymous_id`, "nil"},
		{`event.timestamp`, "2025-03-01T12:00:00Z"},
		{`event.properties.total`, "49.5"},
		{`event.properties.gift`, "nil"},
		{`event.properties.items[2].sku`, "B"},
		{`#event.properties.items`, "2"},
		{`event.context.page.url`, "https://example.com"},
		{`event.traits.plan`, "free"},
		{`tostring(customer)`, "customer"},
		{`tostring(event.properties)`, "event.properties"},
		{`type(customer.address)`, "table"},
		{`tostring(send "hello")`, "message hello"},
		{`(function() local s = "" for k, v in pairs(event.properties) do s = s .. k .. " " end return s end)()`, "currency items total "},
		{`(function() local s = "" for k in pairs(customer.traits) do s = s .. k .. " " end return s end)()`, "address age email empty first_name none plan score vip "},
		{`(function() local s = "" for i, item in ipairs(event.properties.items) do s = s .. i .. item.sku end return s end)()`, "1A2B"},
	} {
		if got := logs(t, "log("+c.code+")"); got != c.want {
			t.Errorf("%s = %q, want %q", c.code, got, c.want)
		}
	}
	r, err := compile(t, journey(`enter(function(customer, event) log(event) end)`)).Run(script.Call{Handler: "one.lua#1", Customer: customer()})
	if err != nil || logged(r) != "nil" {
		t.Errorf("without an event: %q, %v", logged(r), err)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct{ code, want, hint string }{
		{`customer.x = 1`, "customer.x cannot be set", "set("},
		{`customer.traits.plan = 1`, "customer.traits.plan cannot be set", ""},
		{`event.properties.total = 1`, "event.properties.total cannot be set", ""},
		{`event.name = 1`, "event.name cannot be set", ""},
		{`log(event.nmae)`, `an event has no field "nmae"`, "name"},
		{`log(customer.nothing.more)`, `cannot read or set 'more' of a nil value`, "check"},
		{`local m = "helo" send(m)`, `there is no message "helo"`, `did you mean "hello"?`},
		{`local s = "tow" move(s)`, `there is no stage "tow"`, `did you mean "two"?`},
		{`local d = "30 dayz" wait(d)`, "unknown unit", ""},
		{`send("hello", { bye = "sms" })`, `send has no option "bye"`, "by"},
		{`send("hello", { by = "letter" })`, `no text for channel "letter"`, "email, sms"},
		{`error("oh no")`, "oh no", ""},
		{`error({ message = "oh no" })`, "oh no", ""},
		{`assert(false)`, "an assert does not hold", ""},
		{`local x = nil x()`, "not a function", ""},
		{`local x = {} log("a" .. x)`, "cannot join a table value", "tostring"},
		{`local x = {} log(x + 1)`, "cannot perform add", ""},
		{`on("x", function() end)`, "", ""},
	} {
		if strings.HasPrefix(c.code, "on(") {
			continue
		}
		err := fails(t, "\n"+c.code)
		if !strings.Contains(err.Message, c.want) || !strings.Contains(err.Hint, c.hint) || err.Line != 3 || err.File != "test/one.lua" {
			t.Errorf("%s: %+v", c.code, err)
		}
	}
}

func TestErrorsCanBeCaught(t *testing.T) {
	got := logs(t, `
local ok, err = pcall(function() send(("none"):upper()) end)
log(ok, err)
log(pcall(error, "plain"))
log(pcall(error, "x", 0))
log(select("#", pcall(function() return 1, nil, 3 end)))
log(xpcall(function() error("deep", 0) end, function(e) return "handled " .. e end))
log(xpcall(function() error("deep", 0) end, function(e) error("again", 0) end))
log(pcall(function() local t = setmetatable({}, { __index = function(t, k) error("no " .. k, 0) end }) return t.x end))
`)
	want := `false test/one.lua:3: there is no message "NONE" (there are: bye, hello)
false test/one.lua:5: plain
false x
4
false handled deep
false again
false no x`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCompileErrors(t *testing.T) {
	type want struct {
		file       string
		line       int
		text, hint string
	}
	for name, c := range map[string]struct {
		src  script.Source
		want []want
	}{
		"syntax": {journey("stage { title = \"x\" }\nenter(function(\n  send \"hello\"\nend)"), []want{{"test/one.lua", 3, "syntax error at \"hello\"", "lacks its )"}}},
		"end":    {journey("enter(function()\n  send \"hello\"\n"), []want{{"test/one.lua", 2, "the file ends", "the function on line 1 lacks its end"}}},
		"words": {journey("enterr(function()\n  sned \"hello\"\n  print(1)\n fetch()\nend)"), []want{
			{"test/one.lua", 1, `unknown word "enterr"`, `did you mean "enter"?`}, {"test/one.lua", 2, `unknown word "sned"`, `did you mean "send"?`},
			{"test/one.lua", 3, `unknown word "print"`, "log"}, {"test/one.lua", 4, `unknown word "fetch"`, ""}}},
		"top level": {journey("send \"hello\"\nwait \"1 day\"\nmove \"two\""), []want{
			{"test/one.lua", 1, "send is called at the top level", "enter"}, {"test/one.lua", 2, "wait is called at the top level", ""}, {"test/one.lua", 3, "move is called", ""}}},
		"leave":    {journey("leave(function()\n wait \"1 day\"\n move \"two\"\nend)"), []want{{"test/one.lua", 2, "leave cannot wait", ""}, {"test/one.lua", 3, "leave cannot move", ""}}},
		"literals": {journey("enter(function()\n send \"helo\"\n move \"tow\"\n wait \"3 dayz\"\n send(3)\n wait(nil)\n wait \"0 days\"\nend)"), []want{{"test/one.lua", 2, `no message "helo"`, `"hello"`}, {"test/one.lua", 3, `no stage "tow"`, `"two"`}, {"test/one.lua", 4, "dayz", ""}, {"test/one.lua", 5, "needs a text", ""}, {"test/one.lua", 6, "needs a text", ""}, {"test/one.lua", 7, "longer than nothing", ""}}},
		"handlers": {journey("enter(1)\non(function() end)\nidle(\"x\", function() end)\nidle(\"x\", \"soon\", function() end)\non(\"x\", function() end, { paralel = true })\nenter(function() end, { parallel = 1 })\nenter(log)"), []want{
			{"test/one.lua", 1, "enter needs a function", "write"}, {"test/one.lua", 2, "name of an event", "on("}, {"test/one.lua", 3, "duration", ""}, {"test/one.lua", 4, "soon", ""},
			{"test/one.lua", 5, `option "paralel"`, `"parallel"`}, {"test/one.lua", 6, "true or false", ""}, {"test/one.lua", 7, "enter needs a function", ""}}},
		"stage":   {journey("stage { titel = \"x\", goal = 3, holdout = \"5\", next = \"tow\" }"), []want{{"test/one.lua", 1, `no "titel"`, `"title"`}, {"test/one.lua", 1, "goal must be the name of an event", ""}, {"test/one.lua", 1, "holdout is a share", "10%"}, {"test/one.lua", 1, `next names "tow"`, `"two"`}}},
		"no goal": {journey(`stage { next = "two" }`), []want{{"test/one.lua", 1, "next needs a goal", ""}}},
		"not allowed": {func() script.Source {
			s := journey(`stage { goal = "x", next = "two" }`)
			s.Files["journey.lua"] = []byte(`journey { stages = { "one", "two" }, moves = {} }`)
			return s
		}(), []want{{"test/one.lua", 1, "does not allow the move one -> two", "moves"}}},
		"plan": {func() script.Source {
			s := journey(``)
			s.Files["journey.lua"] = []byte("journey {\n stages = { \"one\",\n \"three\", \"One\" },\n moves = { one = { \"tow\" } }, titel = 1 }")
			return s
		}(), []want{{"test/journey.lua", 1, `no "titel"`, `"title"`}, {"test/journey.lua", 3, `stage "three" has no file`, "add"}, {"test/journey.lua", 3, `"One" cannot name a stage`, "lower"}, {"test/journey.lua", 4, `moves names "tow"`, ""}, {"test/two.lua", 1, "two is not a stage", ""}}},
		"no plan":     {journey("", "journey.lua", "-- nothing"), []want{{"test/journey.lua", 1, "does not call journey", ""}}},
		"broken plan": {journey("enter(function() move \"x\" end)\nenterr()", "journey.lua", "journey {"), []want{{"test/journey.lua", 1, "the file ends", ""}, {"test/one.lua", 2, "enterr", ""}}},
		"frozen":      {journey("string.x = 1\nsend = 3\nenter(function() table.insert = 1 string.fnd() math.random() end)"), []want{{"test/one.lua", 1, "string belongs to the language", ""}, {"test/one.lua", 2, `"send" belongs to the language`, ""}, {"test/one.lua", 3, "table belongs", ""}, {"test/one.lua", 3, "no string.fnd", `"find"`}, {"test/one.lua", 3, "no math.random", ""}}},
		"use":         {journey("local o = use \"lib/offer\"\nlocal p = use(o)", "lib/offers.lua", "return {}"), []want{{"test/one.lua", 1, `no helper "lib/offer"`, `"lib/offers"`}, {"test/one.lua", 2, "plain text", ""}}},
		"helper":      {journey("local o = use \"lib/offers\"", "lib/offers.lua", "enter(function() end)\nreturn {"), []want{{"lib/offers.lua", 2, "the file ends", ""}}},
		"top error":   {journey("local x = nil\nlocal y = x.z"), []want{{"test/one.lua", 2, "cannot read or set 'z' of a nil", ""}}},
		"messages": {journey("", "messages/a.email.liquid", "no subject", "messages/b.emial.liquid", "x", "messages/c.txt", "x", "messages/d.sms.liquid", "---\nsubjct: x\nkind: spam\nexpires: soon\n---\n",
			"messages/e.sms.vi.liquid", "x", "messages/f.sms.liquid", "---\nkind: marketing\n", "messages/g.sms.liquid", "---\nsubject: {{ x }}\n---\n", "messages/H.sms.liquid", "x", "messages/i.sms.liquid", "---\n- a\n---\n", "messages/j.sms.liquid", "\xff"), []want{
			{"test/messages/H.sms.liquid", 1, `"H" cannot name`, ""},
			{"test/messages/a.email.liquid", 1, "needs a subject", ""}, {"test/messages/b.emial.liquid", 1, `no channel "emial"`, `"email"`}, {"test/messages/c.txt", 1, "does not say", "liquid"},
			{"test/messages/d.sms.liquid", 2, `no "subjct"`, `"subject"`}, {"test/messages/d.sms.liquid", 3, "kind is transactional or marketing", ""}, {"test/messages/d.sms.liquid", 4, "soon", ""},
			{"test/messages/e.sms.vi.liquid", 1, "no default text", "e.sms.liquid"}, {"test/messages/f.sms.liquid", 1, "does not end", "---"}, {"test/messages/g.sms.liquid", 2, "", "quotes"}, {"test/messages/i.sms.liquid", 2, "key: value", ""}, {"test/messages/j.sms.liquid", 1, "UTF-8", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			errs := problems(t, c.src)
			bad := len(errs) != len(c.want)
			for i := 0; !bad && i < len(errs); i++ {
				e, w := errs[i], c.want[i]
				bad = e.File != w.file || e.Line != w.line || !strings.Contains(e.Message, w.text) || !strings.Contains(e.Hint, w.hint) || e.Code != lifecycle.ScriptFailed
			}
			if bad {
				t.Errorf("got\n%v\nwant %+v", errs, c.want)
			}
		})
	}
}

func TestTemplates(t *testing.T) {
	p := compile(t, journey("", "messages/hello.email.vi.liquid", "---\nsubject: Xin chào\nkind: marketing\nexpires: 2 days\n---\nChào\n", "messages/hello.email.pt-BR.liquid", "---\nsubject: Olá\n---\nOlá\n"))
	for locale, subject := range map[string]string{"": "Hello", "vi": "Xin chào", "vi-VN": "Xin chào", "pt-br": "Olá", "pt_BR": "Olá", "pt": "Hello", "de-AT": "Hello"} {
		got, ok := p.Template("hello", "email", locale)
		if !ok || got.Front["subject"] != subject {
			t.Errorf("%q: %+v, %v", locale, got, ok)
		}
	}
	vi, _ := p.Template("hello", "email", "vi")
	if vi.Body != "Chào\n" || vi.Line != 6 || vi.File != "test/messages/hello.email.vi.liquid" || vi.Front["expires"] != "2 days" || vi.Locale != "vi" {
		t.Errorf("%+v", vi)
	}
	if sms, ok := p.Template("hello", "sms", "vi"); !ok || sms.Body != "Hi" || sms.Line != 1 {
		t.Errorf("%+v, %v", sms, ok)
	}
	if _, ok := p.Template("hello", "letter", ""); ok {
		t.Error("there is no letter")
	}
	if got := strings.Join(p.Channels("hello"), " "); got != "email sms" {
		t.Errorf("channels %s", got)
	}
}

func TestUse(t *testing.T) {
	lib := "loads = (loads or 0) + 1\nlocal offers = { best = \"hello\" }\nfunction offers.pick(plan) if plan == \"pro\" then return offers.best end return \"bye\" end\nreturn offers"
	p := compile(t, journey(`
local offers = use "lib/offers"
enter(function(customer)
  send(offers.pick(customer.plan))
  log(use("lib/offers") == offers, loads)
end)`, "lib/offers.lua", lib))
	r, err := run(p, "one.lua#1")
	if err != nil || r.Effects[0].Name != "hello" || logged(r) != "true 1" {
		t.Errorf("%+v, %v", r, err)
	}
	broken := fails(t, `local ok, e = pcall(function() return use "lib/bad" end) log(ok) send "hello" local o = use "lib/bad"`, "lib/bad.lua", "\nerror('no')")
	if broken.File != "lib/bad.lua" || broken.Line != 2 {
		t.Errorf("%+v", broken)
	}
	if err := fails(t, `use "lib/a"`, "lib/a.lua", `use "lib/b"`, "lib/b.lua", `use "lib/a"`); !strings.Contains(err.Message, "uses itself") {
		t.Errorf("%+v", err)
	}
}

// The words keep their places also when they are called through a variable.
func TestWordsInTheWrongPlace(t *testing.T) {
	errs := problems(t, journey("local s = send\ns(\"hello\")"))
	if len(errs) != 1 || !strings.Contains(errs[0].Message, "while the file is loaded") || errs[0].Line != 2 {
		t.Errorf("%v", errs)
	}
	if err := fails(t, `local e = enter e(function() end)`); !strings.Contains(err.Message, "inside a handler") {
		t.Errorf("%v", err)
	}
	p := compile(t, journey("local function f() wait \"1 day\" end\nlocal function g() move \"two\" end\nleave(function() f() end)\nleave(function() g() end)"))
	for _, id := range []string{"one.lua#1", "one.lua#2"} {
		if _, err := run(p, id); err == nil || !strings.Contains(err.Error(), "leave cannot") {
			t.Errorf("%v", err)
		}
	}
	if _, err := run(p, "one.lua#9"); lifecycle.CodeOf(err) != lifecycle.ScriptFailed {
		t.Errorf("%v", err)
	}
}

func TestVersion(t *testing.T) {
	a, b := journey("x"), journey("x")
	if a.Version() != b.Version() || len(a.Version()) != 32 {
		t.Error("the same files have different versions")
	}
	b.Files["two.lua"] = []byte("other")
	c := journey("x")
	c.Name = "other"
	if a.Version() == b.Version() || a.Version() == c.Version() {
		t.Error("different journeys have the same version")
	}
}

// What a closure and the function around it share, they share after an error too.
func TestLocalsAreSharedAfterAnError(t *testing.T) {
	says(t, []said{
		{`local a; pcall(function() pcall(function() error("no") end); a = "pro"; error("no") end); log(a)`, "pro"},
		{`local a = 1; local get = function() return a end; pcall(error, "no"); a = 2; log(a, get())`, "2 2"},
		{`local a, b, c = 1, 2; local add = function(n) a, b, c = a + n, b + n, n end; pcall(error); add(3); log(a, b, c)`, "4 5 3"},
		{`local function f(n) if n == 0 then return "f" end; return f(n - 1) end; local g = f; pcall(error); f = function() return "other" end; log(g(3), f(3))`, "other other"},
		{`local function f() return 1 end; local get = function() return f() end; pcall(error); function f() return 2 end; log(get())`, "2"},
		{`local gets = {}; for i = 1, 3 do gets[i] = function() i = i + 1; return i end; pcall(error) end; log(gets[1](), gets[1](), gets[2]())`, "2 3 3"},
		{`local gets = {}; for _, v in ipairs({ "a", "b" }) do gets[#gets + 1] = function() return v end; pcall(error); v = v .. "!" end; log(gets[1](), gets[2]())`, "a! b!"},
		{`local function count(n) local function up() n = n + 1 end; pcall(function() up() error() end); up(); return n end; log(count(1))`, "3"},
		{`local n = 0; repeat local done = false; pcall(function() n = n + 1; done = n > 2; error() end) until done; log(n)`, "3"},
		{`local i, log_i = 0, nil; while i < 3 do pcall(function() i = i + 1; error() end); log_i = i end; log(i, log_i)`, "3 3"},
		{`local t = { n = 0 }; local other = t; function t:up() self.n = self.n + 1; local me = function() return self end; pcall(error); self = nil; return me() end; log(t:up(), other.n)`, "nil 1"},
		{`local a = "out"; do local a = "in"; pcall(function() a = a .. "ner"; error() end); log(a) end; log(a)`, "inner\nout"},
		{`local a = 1; local f = function() a = a + 1 end; xpcall(function() f() error() end, function() f() end); f(); log(a)`, "4"},
		{`local a; if true then local b = 1; a = function() b = b + 1; return b end; pcall(error); b = 10 end; log(a(), a())`, "11 12"},
		{`local a = 1; goto over; ::over:: pcall(function() a = 2; error() end); log(a)`, "2"},
	})
}

// A parameter takes what a call or a join yields without harm to its neighbours.
func TestCallsAreAssignedToTheLastParameter(t *testing.T) {
	const id = "local function id(x) return x, 2 end; "
	says(t, []said{
		{`local function f(s) s = s .. "!"; return s end; log(f("a"))`, "a!"},
		{`local function f(s) for i = 1, 2 do s = s .. i end; return s end; log(f("a"))`, "a12"},
		{`local function f(a, s) local t = "t"; s = a .. s .. t; return s .. t end; log(f("a", "b"))`, "abtt"},
		{`local function f(s, ...) local t = "t"; s = s .. select("#", ...); return s .. t end; log(f("a", 1, 2))`, "a2t"},
		{`local function f(s) local t = "t"; s = (s:upper()); return s .. t end; log(f("a"))`, "At"},
		{`local function f(t) local u = { 1, 2 }; t = { u[1], #u }; return #t + #u end; log(f())`, "4"},
		{id + `local function f(s) local t = "t"; s = (id("x")); return s .. t end; log(f("a"))`, "xt"},
		{id + `local function f(s) local t = "t"; s = s == "a" and id("x") or id("y"); return s .. t end; log(f("a"))`, "xt"},
		{id + `local function f(s) local t, u = "t", "u"; s, u = id(t), id(u); return s .. t .. u end; log(f("a"))`, "ttu"},
		{id + `local function f(s) local t, u = "t", "u"; s, t = (id("x")); return s .. tostring(t) .. u end; log(f("a"))`, "xnilu"},
		{id + `local function f(s) local t = "t"; s, t = id("x"); return s .. t end; log(f("a"))`, "x2"},
		{id + `local function f(s) local t = "t"; s, t = id("x"), "y", id("z"); return s .. t end; log(f("a"))`, "xy"},
		{id + `local function f(s) local t = { a = 1 }; local u = t; s, t.a, t = id("x"), id("y"), id("z"); return s .. t .. u.a end; log(f("a"))`, "xzy"},
	})
}

// Every value of an assignment is worked out before anything is assigned.
func TestAssignmentsAreWorkedOutFirst(t *testing.T) {
	says(t, []said{
		{`local a, b = 1, 2; a, b = (b and 3), (nil or a), 5; log(a, b)`, "3 1"},
		{`local a = 5; a = a == 1 and 2 or a; log(a)`, "5"},
		{`local a = 5; a = a and (a + 1); log(a)`, "6"},
		{`local t, a = {}, 1; t.x, a = a; log(t.x, a)`, "1 nil"},
		{`local a, b = 1, 2; a, b = b, a; log(a, b)`, "2 1"},
		{`local function f(b, d) b, d = d; local g = function() b = b + 1; return b end; return g(), d end; log(f(1, 2))`, "3 nil"},
	})
}

// A loop goes on at its beginning, whatever stands there.
func TestLoopsBeginWithAnything(t *testing.T) {
	says(t, []said{
		{`for _, d in ipairs({ "x", "y" }) do if false then log(#{ d }) end end; log("end")`, "end"},
		{`for i = 1, 2 do if nil then log("never", i, #{ i }) elseif not "x" then log("no") else log("else") end end`, "else\nelse"},
		{`for i = 1, 2 do if not nil then log(i, (true and i), (false or #{ i, i })) end end`, "1 1 2\n2 2 2"},
		{`local i = 0; while i < 2 do while false do log(#{}) end; i = i + 1; log(i) end`, "1\n2"},
		{`for _, i in ipairs({ 1, 2 }) do goto over; ::back:: log("back", i, #{}); goto done; ::over:: log("over"); goto back; ::done:: end`, "over\nback 1 0\nover\nback 2 0"},
		{`local n = 0; repeat if false then log(#{}) end; n = n + 1 until (n > 2 and true) or (nil and n); log(n)`, "3"},
		{`log((true and select("#", 1, 2)), (nil or select(2, "a", "b", "c")))`, "2 b"},
		{`log((not nil), (not not 0), (false and 1), ("" or 1))`, "true true false "},
	})
}

type said struct{ code, want string }

// says runs code in a handler and compares what it logs, by line.
func says(t *testing.T, cases []said) {
	t.Helper()
	for _, c := range cases {
		if got := logs(t, c.code); got != c.want {
			t.Errorf("%s\ngot  %q\nwant %q", c.code, got, c.want)
		}
	}
}
