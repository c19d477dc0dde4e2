package script_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

const story = `
enter(function(customer, event)
  local plan = customer.plan
  send "hello"
  log("score", customer.traits.score, customer.vip, customer.empty, #customer.none, customer.nothing)
  wait "30 days"
  log(plan, customer.plan, customer.address.city, customer.address.lines[2])
  for i = 1, 2 do
    local ok = pcall(function()
      wait "P1D"
      send("bye")
    end)
    log(i, ok, event.properties.total)
  end
  move "two"
end)`

// A run that is put away after every wait and taken up again decides what it would have decided in one go.
func TestResume(t *testing.T) {
	p := compile(t, journey(story))
	who := customer()
	var journal []script.Entry
	var waits []time.Duration
	var said []string
	seen := map[int]bool{}
	for range 10 {
		r, err := p.Run(script.Call{Handler: "one.lua#1", Stage: "one", Customer: who, Event: order(), Now: noon, Journal: journal})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Effects {
			said = append(said, e.Name+e.Text)
			if seen[e.Step] || r.Journal[e.Step].Op != string(e.Kind) {
				t.Errorf("step %d of %+v", e.Step, e)
			}
			seen[e.Step] = true
		}
		if !r.Waiting {
			if r.Move != "two" {
				t.Errorf("result %+v", r)
			}
			break
		}
		if last := r.Journal[len(r.Journal)-1]; last.Op != "wait" {
			t.Errorf("the last entry is %+v", last)
		}
		waits = append(waits, r.Until.Sub(noon))
		journal = stored(t, r.Journal)
		who.SetTrait("plan", json.RawMessage(`"free"`))
		who.SetTrait("score", json.RawMessage(`9`))
	}
	want := []string{"hello", "score 0 false  0 nil", "pro free London b", "bye", "1 true 49.5", "bye", "2 true 49.5"}
	if !reflect.DeepEqual(said, want) {
		t.Errorf("said %q", said)
	}
	if !reflect.DeepEqual(waits, []time.Duration{30 * 24 * time.Hour, 24 * time.Hour, 24 * time.Hour}) {
		t.Errorf("waits %v", waits)
	}
}

// Resuming twice with the same journal gives the same result, on a fresh host too.
func TestResumeIsRepeatable(t *testing.T) {
	first, err := run(compile(t, journey(story)), "one.lua#1")
	if err != nil {
		t.Fatal(err)
	}
	journal := stored(t, first.Journal)
	a, errA := run(compile(t, journey(story)), "one.lua#1", journal...)
	b, errB := run(compile(t, journey(story)), "one.lua#1", journal...)
	if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%+v, %v\n%+v, %v", a, errA, b, errB)
	}
}

func TestACallThatDoesNotMatchItsJournalShowsBothSides(t *testing.T) {
	before, err := run(compile(t, journey("enter(function(customer)\n local x = customer.plan\n send \"hello\"\n wait \"30 days\"\n send \"bye\"\nend)")), "one.lua#1")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		now, want string
		line      int
	}{
		"other call":  {"local x = customer.plan\n wait \"30 days\"", `the journal says send "hello" at step 2, the script now calls wait "30 days"`, 3},
		"other name":  {"local x = customer.plan\n send \"bye\"", `the journal says send "hello" at step 2, the script now calls send "bye"`, 3},
		"other field": {"local x = customer.age", `the journal says customer plan at step 1, the script now calls customer age`, 2},
		"caught":      {"pcall(function() local x = customer.age end)", `the script now calls customer age`, 2},
		"move":        {"move \"two\"", `the journal says customer plan at step 1, the script now calls move "two"`, 2},
		"ends":        {"", `the journal says customer plan at step 1, the script now ends`, 1},
	} {
		_, err := run(compile(t, journey("enter(function(customer)\n "+c.now+"\nend)")), "one.lua#1", before.Journal...)
		var failure *lifecycle.Error
		if !errors.As(err, &failure) || !strings.Contains(failure.Message, c.want) || failure.Line != c.line || failure.File != "test/one.lua" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWaitUnwindsThroughEverything(t *testing.T) {
	for _, body := range []string{
		`pcall(function() wait "1 day" end) log("after")`,
		`xpcall(function() wait "1 day" end, function() log("handler") end) log("after")`,
		`pcall(pcall, function() pcall(wait, "1 day") end) log("after")`,
		`table.sort({ 2, 1 }, function() wait "1 day" end) log("after")`,
		`string.gsub("a", "a", function() wait "1 day" end) log("after")`,
		`local t = setmetatable({}, { __index = function() wait "1 day" end }) local x = t.y log("after")`,
		`for i in function() return wait "1 day" end do end log("after")`,
	} {
		p := compile(t, journey("enter(function(customer)\n"+body+"\nend)"))
		r, err := run(p, "one.lua#1")
		if err != nil || !r.Waiting || r.Until != noon.Add(24*time.Hour) || len(r.Effects) != 0 {
			t.Errorf("%s: %+v, %v", body, r, err)
			continue
		}
		if strings.Contains(body, "table.sort") || strings.Contains(body, "for i in") {
			continue
		}
		r, err = run(p, "one.lua#1", r.Journal...)
		if err != nil || logged(r) != "after" {
			t.Errorf("%s, resumed: %+v, %v", body, r, err)
		}
	}
}

func TestAJournalIsBounded(t *testing.T) {
	err := fails(t, `while true do pcall(send, "hello") end`)
	if !strings.Contains(err.Message, "4096 times") || err.Hint == "" {
		t.Errorf("%v", err)
	}
	who := customer()
	big, _ := json.Marshal(strings.Repeat("x", 70<<10))
	who.SetTrait("big", big)
	p := compile(t, journey("enter(function(customer)\n local x = customer.big\n pcall(wait, \"1 day\")\nend)\nenter(function(customer) local x = customer.plan for i = 1, 9000 do x = customer.plan end send \"hello\" end)"))
	_, failed := p.Run(script.Call{Handler: "one.lua#1", Customer: who})
	if failed == nil || !strings.Contains(failed.Error(), "test/one.lua:3: the run's journal has") {
		t.Errorf("%v", failed)
	}
	r, failed := p.Run(script.Call{Handler: "one.lua#2", Customer: who})
	if failed != nil || len(r.Journal) != 2 {
		t.Errorf("reading often without waiting: %d entries, %v", len(r.Journal), failed)
	}
}

func TestLongLogsAreRecognised(t *testing.T) {
	p := compile(t, journey("enter(function(customer, event)\n log(string.rep(\"é\", 900) .. event.properties.total)\n wait \"1 day\"\nend)"))
	r, err := run(p, "one.lua#1")
	if err != nil || len(r.Effects) != 1 || len(r.Effects[0].Text) > 1010 || len(r.Journal[0].Arg) > 150 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = run(p, "one.lua#1", r.Journal...); err != nil || len(r.Effects) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
