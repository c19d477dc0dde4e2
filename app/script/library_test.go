package script_test

import (
	"strings"
	"testing"
)

// The libraries do what the Lua 5.1 manual says. Each line is an expression and what log shows of it.
func TestLibraries(t *testing.T) {
	cases := [][2]string{
		{`("hello"):find("l")`, "3 3"}, {`("hello"):find("xyz")`, "nil"}, {`("hello"):find("")`, "1 0"}, {`("hello"):find("", 10)`, "nil"},
		{`("hello"):find("", 6)`, "6 5"}, {`("a.b"):find(".", 1, true)`, "2 2"}, {`("a.b"):find("%.")`, "2 2"}, {`("hello"):find("l", -2)`, "4 4"},
		{`("hello"):find("(l)(.)")`, "3 4 l l"}, {`("hello"):match("h(.-)o")`, "ell"}, {`("hello"):match("()ll()")`, "3 5"},
		{`("  trim  "):match("^%s*(.-)%s*$")`, "trim"}, {`("key = value"):match("^(%w+)%s*=%s*(%w+)$")`, "key value"},
		{`("2025-03-01"):match("(%d+)-(%d+)-(%d+)")`, "2025 03 01"}, {`("THE (quick) fox"):find("%((%a+)%)")`, "5 11 quick"},
		{`("f(a(b)c)d"):match("%b()")`, "(a(b)c)"}, {`("THE (quick) fox"):match("%f[%a]%a+%f[%A]", 5)`, "quick"}, {`("abab"):match("(ab)%1")`, "ab"},
		{`("[x]"):match("[]]")`, "]"}, {`("a-b"):match("[a%-]+")`, "a-"}, {`("x^"):match("[%^x]+")`, "x^"}, {`("abc"):match("[^b]+")`, "a"},
		{`("abc"):match("a?b?c?d?")`, "abc"}, {`("aaa"):match("a-")`, ""}, {`("aaa"):match("^a-$")`, "aaa"}, {`("a$"):match("a$")`, "nil"}, {`("a$b"):match("a$b")`, "a$b"},
		{`("hello world"):gsub("o", "0")`, "hell0 w0rld 2"}, {`("hello"):gsub("", "-")`, "-h-e-l-l-o- 6"}, {`("hello"):gsub("l", "L", 1)`, "heLlo 1"},
		{`("abc"):gsub("%w", "%0%0")`, "aabbcc 3"}, {`("abc"):gsub("(a)(b)", "%2%1")`, "bac 1"}, {`("a b"):gsub("%w", { a = "x" })`, "x b 2"},
		{`("a b"):gsub("%w", function(c) if c == "a" then return 1 end end)`, "1 b 2"}, {`("abc"):gsub("^a", "x")`, "xbc 1"}, {`("aaa"):gsub("^a", "x")`, "xaa 1"}, {`("a%"):gsub("%%", "%%%%")`, "a%% 1"},
		{`(function() local r = {} for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do r[#r + 1] = k .. v end return table.concat(r, ";") end)()`, "a1;b2"},
		{`(function() local n = 0 for w in ("abc"):gmatch("") do n = n + 1 end return n end)()`, "4"},
		{`("abc"):sub(2)`, "bc"}, {`("abc"):sub(-2, -2)`, "b"}, {`("abc"):sub(0)`, "abc"}, {`("abc"):sub(3, 2)`, ""}, {`("abc"):sub(-100, 100)`, "abc"},
		{`("abc"):byte(1, -1)`, "97 98 99"}, {`("abc"):byte(10)`, ""}, {`string.char(72, 105)`, "Hi"}, {`("ab"):rep(3)`, "ababab"}, {`("ab"):rep(0)`, ""}, {`("ab"):rep(-1)`, ""},
		{`("aÉb"):upper()`, "AÉB"}, {`("ABC"):lower()`, "abc"}, {`("abc"):reverse()`, "cba"}, {`#("abc")`, "3"}, {`("abc"):len()`, "3"},
		{`string.format("%5.1f|%-5s|%05d|%x|%X|%%|%q", 3.14159, "ab", 42, 255, 255, "a\"b")`, `  3.1|ab   |00042|ff|FF|%|"a\"b"`},
		{`string.format("%d %s %s %g %e %c %i %o", 3.9, nil, true, 1e20, 12345.678, 65, -3, 8)`, "3 nil true 1e+20 1.234568e+04 A -3 10"},
		{`string.format("%.3s|%5s|%+d|% d", "abcdef", "x", 5, 5)`, "abc|    x|+5| 5"}, {`string.format("%.14g %g %g", 0.1, 100000, 1e6)`, "0.1 100000 1e+06"},
		{`0.1 + 0.2`, "0.3"}, {`1e15`, "1e+15"}, {`2 ^ 53`, "9.007199254741e+15"}, {`1 / 0`, "inf"}, {`-1 / 0`, "-inf"}, {`10 / 2`, "5"}, {`-0.5`, "-0.5"}, {`7 % 3`, "1"}, {`-7 % 3`, "2"}, {`"10" + 5`, "15"},
		{`tonumber("0x1F")`, "31"}, {`tonumber(" 12.5 ")`, "12.5"}, {`tonumber("1e3")`, "1000"}, {`tonumber("abc")`, "nil"}, {`tonumber("")`, "nil"}, {`tonumber("inf")`, "nil"}, {`tonumber("1_000")`, "nil"}, {`tonumber("ff", 16)`, "255"}, {`tonumber("12", 2)`, "nil"}, {`tonumber({})`, "nil"}, {`tonumber("-7")`, "-7"}, {`tonumber("010")`, "10"},
		{`math.floor(-1.5)`, "-2"}, {`math.ceil(1.2)`, "2"}, {`math.max(1, 5, 3)`, "5"}, {`math.min(4, 2)`, "2"}, {`math.huge`, "inf"}, {`math.abs(-3)`, "3"}, {`math.sqrt(16)`, "4"}, {`math.fmod(-7, 3)`, "-1"}, {`math.modf(3.7)`, "3 0.7"}, {`math.pi`, "3.1415926535898"}, {`math.pow(2, 10)`, "1024"},
		{`table.concat({ 1, 2, "x" }, ", ")`, "1, 2, x"}, {`table.concat({ 1, 2, 3 }, "-", 2)`, "2-3"}, {`table.concat({})`, ""}, {`table.concat({ 1, 2, 3 }, "-", 2, 2)`, "2"},
		{`(function() local t = { 1, 3 } table.insert(t, 2, 2) table.insert(t, 4) return table.concat(t, ",") end)()`, "1,2,3,4"},
		{`(function() local t = { 1, 2, 3 } local a, b = table.remove(t, 1), table.remove(t) return a, b, #t, table.remove({}) end)()`, "1 3 1 nil"},
		{`(function() local t = { 3, 1, 2 } table.sort(t) return table.concat(t) end)()`, "123"}, {`(function() local t = { 1, 3, 2 } table.sort(t, function(a, b) return a > b end) return table.concat(t) end)()`, "321"},
		{`(function() local t = {} for i = 1, 9 do t[i] = { i % 3, i } end table.sort(t, function(a, b) return a[1] < b[1] end) local s = "" for _, x in ipairs(t) do s = s .. x[2] end return s end)()`, "369147258"},
		{`unpack({ 1, 2, 3 })`, "1 2 3"}, {`unpack({ 1, 2, 3 }, 2)`, "2 3"}, {`unpack({}, 1, 3)`, "nil nil nil"}, {`select("#", 1, nil, 3)`, "3"}, {`select(2, "a", "b", "c")`, "b c"}, {`select(-1, "a", "b")`, "b"}, {`select(5, 1)`, ""},
		{`type(nil), type(1), type("x"), type({}), type(log), type(customer), type(true)`, "nil number string table function userdata boolean"},
		{`tostring({}), tostring(log), tostring(nil), tostring(1.5)`, "table function nil 1.5"}, {`tostring(setmetatable({}, { __tostring = function() return "mine" end }))`, "mine"},
		{`next({}), next({ 5 })`, "nil 1 5"}, {`getmetatable("x"), getmetatable(customer), getmetatable({}), getmetatable(string)`, "nil nil nil false"}, {`getmetatable(setmetatable({}, { __metatable = "locked" }))`, "locked"},
		{`(function() local t = setmetatable({}, { __index = { x = 1 }, __len = function() return 9 end, __call = function(_, a) return a end, __eq = function() return true end, __lt = function() return true end, __unm = function() return "neg" end }) return t.x, #t, t(4), -t end)()`, "1 9 4 neg"},
		{`(function() local t = setmetatable({}, { __concat = function(a, b) return "joined" end }) return t .. "x", "x" .. t, 1 .. "y" .. t end)()`, "joined joined 1joined"},
		{`"a" .. 1 .. 2.5 .. "b"`, "a12.5b"}, {`("x"):rep(3) .. select(1, "y", "z")`, "xxxy"}, {`#("a" .. ("b"):rep(3))`, "4"},
		{`(function() local t = { b = 1, a = 2, 10, 20, [1.5] = 3 } t.z = 4 t.b = nil local s = "" for k, v in pairs(t) do s = s .. tostring(k) .. "=" .. v .. " " end return s end)()`, "1=10 2=20 a=2 1.5=3 z=4 "},
		{`(function() local a, b = { 1, 2, 3 }, 1 a[b], a[b + 1], b = a[b + 1], a[b], 7 return a[1], a[2], b end)()`, "2 1 7"},
		{`(function() local t = {} local function f() return 1, 2, 3 end t[1], t[2], t.x = f() return t[1], t[2], t.x end)()`, "1 2 3"},
		{`(function() local t, i = { 1, 2, 3 }, 2 t[i] = nil return t[2], t[3], t[i + 1] end)()`, "nil 3 3"},
		{`(function() local i, t = 1, {} i, t[i] = i + 1, 20 return i, t[1], t[2] end)()`, "2 20 nil"},
		{`(function(...) local t = { ... } return #t, (...) end)(5, 6, 7)`, "3 5"},
		{`(function() local t = {} for i = 1, 300 do t[i] = i end return #t, select("#", unpack(t, 1, 200)) end)()`, "300 200"},
		{`(function() local t = {} t[100000] = 1 t["k"] = 2 return #t, t[100000] end)()`, "0 1"},
		{`({ 1, 2, nil, 4 })[4]`, "4"}, {`({ [2 + 1] = "x" })[3]`, "x"}, {`(function() local self = { n = 1 } function self:add(x) self.n = self.n + x return self.n end return self:add(2) end)()`, "3"},
		{`(function() for i = 3, 1, -1 do if i == 2 then return i end end end)()`, "2"}, {`(function() local n = 0 repeat local done = n > 3 n = n + 1 until done return n end)()`, "5"},
		{`pcall(string.rep)`, "false argument 1 must be a string, not missing"}, {`pcall(("x").format, "%d", "a")`, "false argument 2 must be a number, not string"},
	}
	var code strings.Builder
	for _, c := range cases {
		code.WriteString("log(" + c[0] + ")\n")
	}
	got := strings.Split(logs(t, code.String()), "\n")
	for i, c := range cases {
		if i >= len(got) {
			t.Fatalf("only %d lines", len(got))
		}
		text := got[i]
		if strings.HasPrefix(c[0], "pcall") {
			text = strings.Replace(text, "test/one.lua:"+number(i+2)+": ", "", 1)
		}
		if text != c[1] {
			t.Errorf("%s = %q, want %q", c[0], text, c[1])
		}
	}
}

func number(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return number(n/10) + string(rune('0'+n%10))
}

func TestBadPatterns(t *testing.T) {
	for pattern, want := range map[string]string{
		"%": "ends with %", "[a": "[ without ]", "[%": "[ without ]", "(a": "does not close", "(a))": "did not open", "%1": "not complete", "(%1)": "not complete", "%bx": "two characters", "%fa": "needs a [set]", "[]": "[ without ]", "[^]": "[ without ]",
	} {
		if err := fails(t, `log(("abc"):find("`+pattern+`"))`); !strings.Contains(err.Message, want) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	if err := fails(t, `log(("abc"):gsub("(a)", "%2"))`); !strings.Contains(err.Message, "capture %2") {
		t.Errorf("%v", err)
	}
}
