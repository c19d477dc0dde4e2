package script_test

import (
	"fmt"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// TestATraceTellsWhatACallDid runs a handler with and without a trace.
func TestATraceTellsWhatACallDid(t *testing.T) {
	source := script.Source{Name: "club", Files: map[string][]byte{
		"journey.lua": []byte(`journey { title = "Club", stages = { "new" }, moves = {} }`),
		"new.lua": []byte(`stage { title = "New" }
on("Ordered", function(customer, event)
	local total = event.properties.total
	if total > 50 then
		send "thanks"
	elseif customer.plan == "pro" then
		tag "loyal"
	else
		log "small"
	end
	if total > 5 then wait "1 day" end
	send "later"
end)`),
		"messages/thanks.email.liquid": []byte("---\nsubject: Thanks\n---\nThanks"),
		"messages/later.email.liquid":  []byte("---\nsubject: Later\n---\nLater"),
	}}
	program, err := script.New(script.Limits{}).Compile(source)
	if err != nil {
		t.Fatal(err)
	}
	c := &lifecycle.Customer{}
	c.SetTrait("plan", []byte(`"pro"`))
	call := script.Call{Handler: program.Journey.Stages[0].Handlers[0].ID, Stage: "new", Customer: c, Now: time.Unix(0, 0),
		Event: &lifecycle.Event{Name: "Ordered", Properties: []byte(`{"total":30}`)}}
	plain, err := program.Run(call)
	if err != nil {
		t.Fatal(err)
	}
	call.Trace = &script.Trace{}
	traced, err := program.Run(call)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%+v", plain) != fmt.Sprintf("%+v", traced) {
		t.Errorf("it decides something else when it is traced:\n%+v\n%+v", plain, traced)
	}
	lines := ""
	for _, place := range call.Trace.Lines {
		lines += fmt.Sprintf(" %s:%d", place.File, place.Line)
	}
	if want := " club/new.lua:3 club/new.lua:4 club/new.lua:6 club/new.lua:7 club/new.lua:11"; lines != want {
		t.Errorf("lines%s, not%s", lines, want)
	}
	reads := ""
	for _, read := range call.Trace.Reads {
		reads += fmt.Sprintf(" %d %s=%v", read.Line, read.What, read.Value)
	}
	if want := " 3 event.properties.total=30 6 customer.plan=pro"; reads != want {
		t.Errorf("reads%s, not%s", reads, want)
	}
	conditions := ""
	for _, c := range program.Conditions(call.Trace.Lines) {
		held := "?"
		if c.Held != nil {
			held = fmt.Sprint(*c.Held)
		}
		conditions += fmt.Sprintf(" %d %s=%s;", c.Line, c.Text, held)
	}
	if want := ` 4 total > 50=false; 6 customer.plan == "pro"=true; 11 total > 5=?;`; conditions != want {
		t.Errorf("conditions%s, not%s", conditions, want)
	}
	thanks, later := program.Sendings("thanks"), program.Sendings("later")
	if len(thanks) != 1 || thanks[0].Line != 5 || len(thanks[0].Inside) != 1 || !*thanks[0].Inside[0].Held || thanks[0].Stage != "new" {
		t.Errorf("thanks is sent at %+v", thanks)
	}
	if len(later) != 1 || later[0].Line != 12 || len(later[0].Inside) != 0 {
		t.Errorf("later is sent at %+v", later)
	}
}
