package script_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// golden compares text with a file, or writes it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s\nwant\n%s", file, got, want)
	}
}

// Every folder of testdata/check is a scripts folder with one problem, or one kind of problems, and what check says.
func TestCheck(t *testing.T) {
	folders, err := os.ReadDir("testdata/check")
	if err != nil {
		t.Fatal(err)
	}
	host := script.New(patient)
	for _, folder := range folders {
		t.Run(folder.Name(), func(t *testing.T) {
			dir := filepath.Join("testdata/check", folder.Name())
			sources, err := script.ReadSources(os.DirFS(dir))
			if err != nil || len(sources) != 1 {
				t.Fatalf("%d journeys, %v", len(sources), err)
			}
			var said strings.Builder
			bad := false
			for _, p := range host.Check(sources[0]) {
				said.WriteString(p.String() + "\n\n")
				bad = bad || p.Severity == script.Bad
			}
			golden(t, filepath.Join(dir, "problems.txt"), said.String())
			if _, err := host.Compile(sources[0]); err != nil && !bad {
				t.Errorf("it does not compile, and check finds nothing: %v", err)
			}
			for range 3 {
				again := host.Check(sources[0])
				var text strings.Builder
				for _, p := range again {
					text.WriteString(p.String() + "\n\n")
				}
				if text.String() != said.String() {
					t.Fatalf("the second time it said\n%s", text.String())
				}
			}
		})
	}
}

// What knows more about messages than this package is asked too.
func TestCheckAsksAboutMessages(t *testing.T) {
	src := journey(`enter(function(customer) send "hello" send "bye" end) idle("x", "1 day", function() move "two" end)`)
	src.Files["two.lua"] = []byte(`idle("x", "1 day", function() move "one" end)`)
	if found := script.New(patient).Check(src); len(found) != 0 {
		t.Fatalf("found %v", found)
	}
	found := script.New(patient).Check(src, func(m lifecycle.Template) []*lifecycle.Error {
		if m.Name != "bye" {
			return nil
		}
		return []*lifecycle.Error{{Code: lifecycle.ScriptFailed, File: m.File, Line: 4, Message: `there is no variable "Bye"`, Hint: "write customer"}}
	})
	want := "test/messages/bye.email.liquid:4:1: error: there is no variable \"Bye\"\n    4 | Bye\n      | ^^^\n      = write customer"
	if len(found) != 1 || found[0].String() != want {
		t.Errorf("found %v", found)
	}
}

// Some editors of Windows begin a file with a byte order mark, which says nothing.
func TestByteOrderMark(t *testing.T) {
	src := journey("\xef\xbb\xbfenter(function(customer) send \"hello\" send \"bye\" end) idle(\"x\", \"1 day\", function() move \"two\" end)")
	src.Files["two.lua"] = []byte("\xef\xbb\xbfidle(\"x\", \"1 day\", function() move \"one\" end)")
	if found := script.New(patient).Check(src); len(found) != 0 {
		t.Errorf("found %v", found)
	}
	src.Files["two.lua"] = []byte("\xef\xbb\xbfidel(1)")
	if found := script.New(patient).Check(src); len(found) == 0 || found[0].Column != 1 || found[0].EndColumn != 5 {
		t.Errorf("found %+v", found)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(`stage { title = "One" } enter(function(customer) local m = send "hello" if wait_for(m, "opened", "2 days") then move "two" wait "1 day" end end)`)
	f.Add(`local function a() b() end function b() return a() end leave(a) enter(function(...) pcall(a, ...) end)`)
	f.Add("enter(function(c)\n\tif c.x = 1 then end\nend")
	f.Add(`local m = {} function m.x:y() end m["x"], z = function() end, 1 goto done ::done::`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		host := script.New(script.Limits{})
		src := journey(text, "lib/l.lua", text)
		problems := host.Check(src)
		bad := false
		for _, p := range problems {
			bad = bad || p.Severity == script.Bad
			if p.Line < 1 || p.Message == "" || p.File == "" || p.EndColumn < p.Column || p.String() == "" {
				t.Errorf("%+v", p)
			}
		}
		program, err := host.Compile(src)
		if err != nil {
			if !bad {
				t.Errorf("it does not compile, and check finds nothing: %v", err)
			}
			return
		}
		for _, file := range []string{"one.lua", "lib/l.lua"} {
			if _, err := program.Flow(file); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	})
}

// A script that hands variables on again and again is read in the time that its length takes: each is followed once.
func TestCheckFollowsEachVariableOnce(t *testing.T) {
	code := "enter(function(customer)\n  local v0 = customer.x\n"
	for i := 1; i < 60; i++ {
		code += fmt.Sprintf("  local v%d = { %s }\n", i, strings.Repeat(fmt.Sprintf("v%d, ", i-1), 50))
	}
	found := script.New(patient).Check(journey(code + "  if v59 then move \"two\" end\nend)"))
	for _, p := range found {
		if strings.Contains(p.Message, "open") {
			t.Errorf("%v", p)
		}
	}
}
