package script_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// Scripts that want to harm the process or the next customer. Each must end, with an error or harmlessly.
var hostile = map[string]string{
	"endless loop":           `while true do end`,
	"endless repeat":         `repeat until false`,
	"goto loop":              `::again:: goto again`,
	"for loop":               `for i = 1, math.huge do end`,
	"pcall loop":             `while true do pcall(function() while true do end end) end`,
	"pcall error loop":       `while true do pcall(error, "x") end`,
	"error handler loop":     `while true do xpcall(function() error("x") end, function() while true do end end) end`,
	"error in handler":       `local function h(e) error(e) end while true do xpcall(function() error("x") end, h) end`,
	"deep recursion":         `local function f() return 1 + f() end f()`,
	"caught recursion":       `local function f() return 1 + f() end while true do pcall(f) end`,
	"tail recursion":         `local function f() return f() end f()`,
	"pcall recursion":        `local function f() pcall(f) f() end f()`,
	"index recursion":        `local t = {} setmetatable(t, { __index = function(t, k) return t[k .. "x"] end }) log(t.a)`,
	"index chain":            `local t = {} t = setmetatable({}, { __index = t }) local u = setmetatable({}, {}) getmetatable(u).__index = u log(u.x)`,
	"newindex recursion":     `local t t = setmetatable({}, { __newindex = function(t, k, v) t[k .. "x"] = v end }) t.a = 1`,
	"call recursion":         `local t t = setmetatable({}, { __call = function(self) return self() + 1 end }) t()`,
	"concat recursion":       `local t t = setmetatable({}, { __concat = function(a, b) return a .. b end }) log(t .. "x")`,
	"tostring loop":          `local t t = setmetatable({}, { __tostring = function() return tostring(t) end }) log(t)`,
	"eq recursion":           `local mt = {} mt.__eq = function(a, b) return a == b end local a, b = setmetatable({}, mt), setmetatable({}, mt) log(a == b)`,
	"rep":                    `log(#string.rep("x", 2 ^ 30))`,
	"rep method":             `log(#("x"):rep(1e308))`,
	"rep many":               `local t = {} while true do t[#t + 1] = string.rep("x", 200000) end`,
	"doubling":               `local s = "x" while true do s = s .. s end`,
	"tripling":               `local s = "xyz" for i = 1, 60 do s = s .. s .. s end`,
	"doubling caught":        `local s = "x" while true do pcall(function() s = s .. s end) end`,
	"table.concat":           `local t = {} for i = 1, 1000 do t[i] = string.rep("x", 1000) end log(#table.concat(t))`,
	"nested format":          `local f = "%s%s" for i = 1, 60 do f = string.format(f, f, f) end`,
	"wide format":            `log(string.format("%999999999d", 1))`,
	"format loop":            `local s = "x" while true do s = string.format("%s%s%s", s, s, s) end`,
	"gsub explosion":         `local s = "x" for i = 1, 40 do s = s:gsub(".", "%0%0%0%0%0%0%0%0") end`,
	"gsub empty":             `local s = string.rep("x", 60000) while true do s:gsub("", "") end`,
	"upper loop":             `local s, t = string.rep("x", 60000), {} while true do t[#t + 1] = s:upper() .. #t end`,
	"huge index":             `local t = {} t[67108863] = 1`,
	"huge index constructor": `local n = 65535 local all = {} while true do all[#all + 1] = { [n] = 1 } end`,
	"far index loop":         `local all = {} while true do local t = {} local n = 65534 t[n] = 1 all[#all + 1] = t end`,
	"far index pairs":        `local all = {} while true do local t, u = {}, {} local n = 65534 t[n], u[n] = 1, 2 all[#all + 1] = t end`,
	"far nil":                `local all = {} while true do local t = {} t[60000] = nil all[#all + 1] = t end`,
	"far insert":             `local t = {} table.insert(t, 67108863, 1)`,
	"far insert end":         `local t = {} while true do table.insert(t, 1, {}) end`,
	"many tables":            `local all = {} while true do local t = { a = 1 } t.b = 2 all[#all + 1] = t end`,
	"many lists":             `local all = {} while true do all[#all + 1] = { {}, {}, {}, {}, {}, {} } end`,
	"many keys":              `local t, i = {}, 0 while true do i = i + 1 t["k" .. i] = i end`,
	"many functions":         `local t = {} while true do t[#t + 1] = function() return t end end`,
	"varargs":                `local t = {} local function f(...) return 1 end while true do t[#t + 1] = f(1, 2, 3) end`,
	"more varargs":           `local function f(...) return f(1, ...) end f()`,
	"unpack":                 `log(select("#", unpack({}, 1, 1e8)))`,
	"unpack ends":            `log(select("#", unpack({}, -1e300, 1e300)))`,
	"byte":                   `log(select("#", string.byte(string.rep("x", 200000), 1, -1)))`,
	"char":                   `log(#string.char(unpack({}, 1, 200)))`,
	"stacked quantifiers":    `log(string.find(string.rep("a", 30000), ".-.-.-.-b"))`,
	"stacked in gsub":        `log((string.rep("a", 30000):gsub(".-.-.-.-b", "")))`,
	"stacked in gmatch":      `for w in string.rep("a", 30000):gmatch(".*.*.*.*b") do end`,
	"balance":                `log(string.find(string.rep("(", 60000), "%b()"))`,
	"big balance":            `log(string.find(string.rep("(", 100000), "%b()"))`,
	"back references":        `log(string.find(string.rep("a", 20000), "(.*)%1b"))`,
	"long pattern":           `log(string.find("a", string.rep("a?", 20000)))`,
	"captures":               `log(string.find("a", string.rep("(", 100) .. string.rep(")", 100)))`,
	"inconsistent sort":      `local t = {} for i = 1, 500 do t[i] = i end table.sort(t, function(a, b) return true end)`,
	"sort loop":              `local t = {} for i = 1, 2000 do t[i] = 2000 - i end while true do table.sort(t) end`,
	"sort with holes":        `local t = { 3, nil, 1 } table.sort(t)`,
	"sort that inserts":      `local t = { 3, 2, 1 } table.sort(t, function(a, b) table.insert(t, 1, 9) return a < b end)`,
	"next loop":              `local t = { a = 1 } while true do next(t) end`,
	"pairs adding":           `local t = { a = 1 } for k in pairs(t) do t[k .. "x"] = 1 end`,
	"string metatable":       `getmetatable("").__index = nil`,
	"string metatable set":   `setmetatable("", {})`,
	"freeze string":          `local s = string s.rep = nil`,
	"freeze by insert":       `table.insert(string, 1)`,
	"freeze by sort":         `table.sort(math)`,
	"freeze metatable":       `setmetatable(string, {})`,
	"freeze get":             `getmetatable(string).__index = nil`,
	"handle":                 `local h = send "hello" h.x = 1`,
	"handle index":           `log((send "hello").x)`,
	"customer metatable":     `getmetatable(customer).__index = nil`,
	"compare long":           `local a, b = string.rep("x", 200000) .. "a", string.rep("x", 200000) .. "b" while true do local c = a < b end`,
	"equal long":             `local a, b = string.rep("x", 200000) .. "a", string.rep("x", 200000) .. "b" while true do local c = a == b end`,
	"long key":               `local k, t = string.rep("x", 200000), {} while true do local c = t[k] end`,
	"long literal":           `local k, t = "` + strings.Repeat("x", 60000) + `", {} while true do local c = t[k] end`,
	"trailing nils":          `local t = {} t[60000] = nil while true do local n = #t end`,
	"log loop":               `while true do pcall(log, string.rep("x", 100000)) end`,
	"error text":             `local s = string.rep("x", 250000) while true do pcall(error, s) end`,
	"error grows":            `local s = "x" while true do local ok, e = pcall(error, s, 1) s = e end`,
	"error level":            `error("x", -1e300)`,
	"error high level":       `error("x", 1e300)`,
	"tonumber":               `log(tonumber(string.rep("9", 200000)))`,
	"gmatch many":            `while true do string.gmatch("a", "a") end`,
	"tostring many":          `while true do tostring({}) end`,
	"select":                 `log(select(-5, 1))`,
	"count loop":             `local i = 0 while true do i = i + 1 pcall(count, "x" .. i) end`,
	"same count":             `while true do count "x" end`,
	"sum loop":               `local i = 0 while true do i = i + 1 pcall(sum, "x", string.rep("y", 1000) .. i) end`,
	"random loop":            `while true do pcall(random) end`,
	"now loop":               `while true do now() end`,
	"tag loop":               `local i = 0 while true do i = i + 1 pcall(tag, "t" .. i) end`,
	"set big":                `local s = string.rep("x", 30000) local i = 0 while true do i = i + 1 set("t" .. i, s) end`,
	"set deep":               `local t = {} for i = 1, 1000 do t = { t } end set("x", t)`,
	"set cycle":              `local t = {} t.t = t set("x", t)`,
	"set wide":               `local t = {} for i = 1, 60000 do t[i] = i end while true do pcall(set, "x", t) end`,
	"set shared":             `local t = { 1 } for i = 1, 30 do t = { t, t } end set("x", t)`,
	"track loop":             `local p = { s = string.rep("x", 30000) } while true do track("x", p) end`,
	"track cycle":            `local t = {} t.t = t track("x", t)`,
	"webhook loop":           `while true do webhook("https://example.com", { s = string.rep("x", 30000) }) end`,
	"webhook url":            `webhook("https://" .. string.rep("a", 200000) .. ".com")`,
	"split wide":             `local t = {} for i = 1, 150 do t[i] = i end split("x", unpack(t))`,
	"choose wide":            `local t = {} for i = 1, 60000 do t[i] = i end while true do pcall(choose, "x", t) end`,
	"score inf":              `score(1 / 0)`,
	"score nan":              `score(0 / 0)`,
	"filter wide":            `local t = {} for i = 1, 5000 do t["k" .. i] = i end wait_for("x", "1 day", t)`,
	"filter deep":            `local t = {} t.t = t wait_for("x", "1 day", t)`,
	"options loop":           `local t = {} for i = 1, 9000 do t["by" .. i] = "sms" end while true do pcall(send, "hello", t) end`,
	"option tostring":        `local k = setmetatable({}, { __tostring = function() while true do end end }) send("hello", { [k] = 1 })`,
	"long duration":          `while true do pcall(wait, string.rep("1 day ", 40000)) end`,
	"long moment":            `while true do pcall(wait_until, string.rep("mon,", 60000) .. " 09:00") end`,
	"wait in a loop":         `while true do pcall(wait, "0 days") end`,
	"traits loop":            `while true do for k, v in pairs(customer.traits) do end end`,
	"handles":                `local t = {} while true do t[#t + 1] = send "hello" end`,
	"length of nothing":      `local t = {} for i = 1, 9000 do t[i] = i end for i = 1, 9000 do t[i] = nil end while true do local n = #t end`,
	"length of a gap":        `local t = {} t[60000] = 1 t[60000] = nil while true do local n = #t end`,
	"length of nils":         `local x local t = { ` + strings.Repeat("x,", 9000) + ` } while true do local n = #t end`,
	"next of nothing":        `local t = {} for i = 1, 2000 do t["k" .. i] = i end for i = 1, 1999 do t["k" .. i] = nil end while true do next(t) end`,
	"wrong message":          `while true do pcall(send, string.rep("hello", 12)) end`,
	"wrong option":           `while true do pcall(send, "hello", { subjekt = 1 }) end`,
	"traits to traits":       `while true do pcall(set, "x", customer.traits) end`,
	"events to events":       `while true do track("x", event.properties) end`,
	"choose many":            `local v = {} for i = 1, 100 do v[i] = i end local i = 0 while true do i = i + 1 choose("x" .. i, v) end`,
	"events":                 `while true do local p = {} for k, v in pairs(event.properties) do p[k] = v end end`,
}

// Each ends after the same number of steps every time, adds less than 64 MB to the process, and leaves the next
// customer's run byte for byte as it would have been.
func TestHostile(t *testing.T) {
	host := script.New(patient)
	fine := compileWith(t, host, journey("local function never() leaked = 1 end\nenter(function(customer)\n log(leaked, string.rep(\"ab\", 2), (\"x\"):upper(), #table.concat({ 1, 2 }), math.floor(1.5), tostring(nil), random(), customer.plan)\n set(\"n\", { 1 }) wait \"1 day\"\nend)"))
	next := func() string {
		r, err := run(fine, "one.lua#1")
		if err != nil {
			t.Fatal(err)
		}
		bytes, err := msgpack.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(bytes)
	}
	undisturbed := next()
	for name, code := range hostile {
		t.Run(name, func(t *testing.T) {
			p, err := host.Compile(journey("enter(function(customer, event)\nlocal log, send, wait, wait_until, wait_for, set, track, webhook, split, choose, score = log, send, wait, wait_until, wait_for, set, track, webhook, split, choose, score\n" + code + "\nend)"))
			if err != nil {
				t.Fatalf("it does not compile, so it shows nothing: %v", err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			first, err := run(p, "one.lua#1")
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapSys+after.StackSys) - int64(before.HeapSys+before.StackSys); grown > 64<<20 {
				t.Errorf("the process grew by %d MB", grown>>20)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 400<<20 {
				t.Errorf("it allocated %d MB", allocated>>20)
			}
			var failure *lifecycle.Error
			if err != nil && (!errors.As(err, &failure) || failure.Line == 0 || strings.Contains(failure.Message, "Lua machine failed") || strings.Contains(failure.Message, "ran for too long")) {
				t.Errorf("error %v", err)
			}
			if next() != undisturbed {
				t.Error("the next customer notices")
			}
			again, errAgain := run(p, "one.lua#1")
			if again.Steps != first.Steps || first.Steps == 0 || first.Steps > 200_000 || fmt.Sprint(errAgain) != fmt.Sprint(err) {
				t.Errorf("%d steps, then %d\n%v\n%v", first.Steps, again.Steps, err, errAgain)
			}
		})
	}
}

// What takes the machine time within one instruction or one word costs steps, and not only the wall clock: each of these
// loops is far too long, although it has few instructions.
func TestWorkInsideOneInstructionCostsSteps(t *testing.T) {
	wide := json.RawMessage("[" + strings.Repeat("1,", 2500) + "1]")
	names := make([]string, 0, 800)
	for i := range 400 {
		names = append(names, fmt.Sprintf("messages/%s%d.email.liquid", strings.Repeat("abcdefgh", 6), i), "---\nsubject: x\n---\nx\n")
	}
	for name, code := range map[string]string{
		"length of nothing": `local t = {} for i = 1, 5000 do t[i] = i end for i = 1, 5000 do t[i] = nil end for i = 1, 2000 do local n = #t end`,
		"next of nothing":   `local t = {} for i = 1, 2000 do t["k" .. i] = i end for i = 1, 1999 do t["k" .. i] = nil end for i = 1, 2000 do next(t) end`,
		"nils written out":  `local x local t = { ` + strings.Repeat("x,", 5000) + ` } for i = 1, 5000 do local n = #t end`,
		"nils handed on":    `local t = { unpack({}, 1, 250) } for i = 1, 60000 do local n = #t end`,
		"a gap":             `local t = {} t[20000] = 1 t[20000] = nil for i = 1, 2000 do local n = #t end`,
		"a wrong name":      `for i = 1, 500 do pcall(send, "` + strings.Repeat("abcdefgh", 6) + `X") end`,
		"a trait handed on": `for i = 1, 1000 do track("x", customer.traits) end`,
		"many to choose":    `local v = {} for i = 1, 100 do v[i] = i end for i = 1, 2000 do choose("x" .. i, v) end`,
		"long keys":         `local a, b for k in pairs(event.properties) do a, b = b, k end for i = 1, 20000 do local c = a < b end`,
	} {
		c, e := customer(), order()
		if name == "a trait handed on" {
			c.SetTrait("wide", wide)
		}
		key := strings.Repeat("k", 15000)
		e.Properties = json.RawMessage(`{"` + key + `a":1,"` + key + `b":2}`)
		p := compile(t, journey("enter(function(customer, event)\n"+code+"\nend)", names...))
		_, err := p.Run(script.Call{Handler: "one.lua#1", Stage: "one", Customer: c, Event: e, Now: noon})
		if err == nil || !strings.Contains(err.Error(), "too much work") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A script that never ends holds nobody up: runs of others go on beside it.
func TestAHostileScriptHoldsNobodyUp(t *testing.T) {
	endless := compileWith(t, script.New(script.Limits{Steps: 1 << 60, Wall: 300 * time.Millisecond}), journey("enter(function() while true do end end)"))
	ended := make(chan error)
	go func() {
		_, err := run(endless, "one.lua#1")
		ended <- err
	}()
	fine := compile(t, journey(story))
	for runs := 0; ; runs++ {
		if _, err := run(fine, "one.lua#1"); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err == nil || !strings.Contains(err.Error(), "too long") || runs == 0 {
				t.Errorf("%v after %d runs of others", err, runs)
			}
			return
		default:
		}
	}
}

// What must not even be there.
func TestAbsent(t *testing.T) {
	for _, name := range []string{"load", "loadstring", "loadfile", "dofile", "require", "module", "setfenv", "getfenv", "rawset", "rawget", "rawequal",
		"newproxy", "collectgarbage", "print", "os", "io", "debug", "package", "coroutine", "channel", "_G", "_VERSION", "_printregs", "arg"} {
		errs := problems(t, journey("enter(function() local x = "+name+" end)"))
		if len(errs) != 1 || !strings.Contains(errs[0].Message, "unknown word") {
			t.Errorf("%s: %v", name, errs)
		}
	}
	if got := logs(t, `local s = string log(s.gfind == nil, ("x").dump == nil, ("x").format ~= nil)`); !strings.Contains(got, "true true true") {
		t.Error(got)
	}
}

func TestBadSources(t *testing.T) {
	for name, text := range map[string]string{
		"bytecode":    "\x1bLuaQ\x00",
		"zero bytes":  "x = '\x00'",
		"too large":   strings.Repeat("-- x\n", 20000),
		"parentheses": "x = " + strings.Repeat("(", 30000) + "1" + strings.Repeat(")", 30000),
		"many more":   "x = " + strings.Repeat("(", 3_000_000),
		"braces":      "x = " + strings.Repeat("{", 60000),
		"functions":   strings.Repeat("function() ", 5000),
		"ifs":         strings.Repeat("if x then ", 5000),
		"unary":       "local x = " + strings.Repeat("- ", 30000) + "1",
		"nots":        "local x = " + strings.Repeat("not ", 15000) + "1",
		"additions":   "local x = 1" + strings.Repeat(" + 1", 15000),
		"ands":        "local x = 1" + strings.Repeat(" and 1", 9000),
		"powers":      "local x = 1" + strings.Repeat(" ^ 1", 15000),
		"fields":      "local x = string" + strings.Repeat(".a", 30000),
		"calls":       "local x = tostring" + strings.Repeat("()", 30000),
		"elseifs":     "local x if x then " + strings.Repeat("elseif x then ", 4000) + "end",
		"locals":      "local a" + strings.Repeat(", a", 20000),
		"numbers":     strings.Repeat("(1e)+", 12000),
		"unknown words": func() string {
			var b strings.Builder
			for i := range 5000 {
				b.WriteString("g" + number(i) + "x = h" + number(i) + "y\n")
			}
			return b.String()[:60000]
		}(),
		"many handlers": "for i = 1, 500 do enter(function() end) end",
		"unknown names": "enter(function() " + strings.Repeat("send 'x' move 'y' ", 3000) + "end)",
		"top loop":      "while true do end",
		"top memory":    "local t = {} while true do t[#t + 1] = { a = 1 } end",
		"top register":  "while true do pcall(enter, 1) end",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		problems(t, journey(text))
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapSys+after.StackSys) - int64(before.HeapSys+before.StackSys); grown > 64<<20 {
			t.Errorf("%s: the process grew by %d MB", name, grown>>20)
		}
	}
	long := "local x = \"a\"" + strings.Repeat(" .. \"a\"", 5000) + " enter(function() log(#x) end)"
	if r, err := run(compile(t, journey(long)), "one.lua#1"); err != nil || logged(r) != "5001" {
		t.Errorf("a long chain of ..: %v, %v", logged(r), err)
	}
}

// Neither globals nor the tables of a file's top level are seen by the next customer, whether a run ends well or not.
func TestNothingLeaks(t *testing.T) {
	p := compile(t, journey(`
local calls, names = 0, {}
total = 0
enter(function(customer, event)
  calls = calls + 1
  total = total + 1
  names[#names + 1] = customer.email
  mine = (mine or 0) + 1
  log(calls, total, #names, mine)
  if event.name == "Refunded" then error("refused") end
end)`))
	for i := range 6 {
		event := order()
		if i%2 == 1 {
			event.Name = "Refunded"
		}
		r, err := p.Run(script.Call{Handler: "one.lua#1", Customer: customer(), Event: event})
		if (err != nil) != (i%2 == 1) {
			t.Fatal(err)
		}
		if err == nil && logged(r) != "1 1 1 1" {
			t.Errorf("run %d sees %q", i, logged(r))
		}
	}
}

// The same run costs the same number of steps, however often, and on a warm or a cold state.
func TestStepsAreDeterministic(t *testing.T) {
	const body = `
enter(function(customer, event)
  local words = {}
  for w in (event.name .. " and so on"):gmatch("%a+") do words[#words + 1] = w:upper() end
  table.sort(words)
  for k, v in pairs(customer.traits) do log(k, tostring(v), tostring(words), tostring(function() end)) end
  log(table.concat(words, ","))
end)`
	p := compile(t, journey(body))
	first, err := run(p, "one.lua#1")
	if err != nil || first.Steps == 0 {
		t.Fatal(err)
	}
	for range 5 {
		if again, err := run(p, "one.lua#1"); err != nil || again.Steps != first.Steps || logged(again) != logged(first) {
			t.Errorf("%d and %d steps, %v", first.Steps, again.Steps, err)
		}
	}
	if cold, err := run(compile(t, journey(body)), "one.lua#1"); err != nil || cold.Steps != first.Steps || logged(cold) != logged(first) {
		t.Errorf("%d and %d steps, %v", first.Steps, cold.Steps, err)
	}
}

func TestBudgets(t *testing.T) {
	src := journey("enter(function()\n local n = 0\n while true do\n  n = n + 1\n end\nend)")
	_, err := run(compileWith(t, script.New(script.Limits{Steps: 5000, Wall: time.Minute}), src), "one.lua#1")
	if err == nil || !strings.Contains(err.Error(), "too much work") {
		t.Errorf("steps: %v", err)
	}
	start := time.Now()
	_, err = run(compileWith(t, script.New(script.Limits{Steps: 1 << 40, Wall: 20 * time.Millisecond}), src), "one.lua#1")
	if err == nil || !strings.Contains(err.Error(), "too long") || time.Since(start) > time.Minute {
		t.Errorf("wall: %v after %v", err, time.Since(start))
	}
}

// slowPast has so many orders, takes its time with each, and counts how often it was read.
type slowPast struct {
	orders int
	each   time.Duration
	reads  int
}

func (h *slowPast) Events(_ string, _ time.Time, visit func(time.Time, *lifecycle.Event) bool) (int, error) {
	h.reads++
	for looked := range h.orders {
		time.Sleep(h.each)
		if !visit(noon, order()) {
			return looked, nil
		}
	}
	return h.orders, nil
}

// How long the store takes with a customer's past is none of the script's doing.
func TestReadingThePastTakesNoTime(t *testing.T) {
	p := compileWith(t, script.New(script.Limits{Wall: 100 * time.Millisecond}), journey(`enter(function()
  log(tostring(sum("Order Completed", "total", "365 days") > 0))
  log(tostring(count("Order Completed")))
end)`))
	past := &slowPast{orders: 300, each: time.Millisecond}
	if _, err := p.Run(script.Call{Handler: "one.lua#1", Stage: "one", Customer: customer(), Event: order(), Now: noon, History: past}); err != nil || past.reads != 2 {
		t.Errorf("%v after %d reads", err, past.reads)
	}
}

// A busy machine is given a second chance; who has no steps left has none.
func TestWhoeverIsTooLateIsRunOnceMore(t *testing.T) {
	for _, test := range []struct {
		limits script.Limits
		runs   int
		says   string
	}{
		{script.Limits{Steps: 1 << 40, Wall: 5 * time.Millisecond}, 2, "too long"},
		{script.Limits{Steps: 5000, Wall: time.Minute}, 1, "too much work"},
	} {
		past := &slowPast{orders: 1}
		p := compileWith(t, script.New(test.limits), journey("enter(function()\n count(\"Order Completed\")\n while true do end\nend)"))
		_, err := p.Run(script.Call{Handler: "one.lua#1", Stage: "one", Customer: customer(), Event: order(), Now: noon, History: past})
		if err == nil || !strings.Contains(err.Error(), test.says) || past.reads != test.runs {
			t.Errorf("%v after %d runs", err, past.reads)
		}
	}
}

func TestConcurrentRuns(t *testing.T) {
	p := compile(t, journey(story))
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 50 {
				if r, err := run(p, "one.lua#1"); err != nil || !r.Waiting || len(r.Effects) != 2 {
					t.Errorf("%+v, %v", r, err)
					return
				}
			}
		}()
	}
	wg.Wait()
}
