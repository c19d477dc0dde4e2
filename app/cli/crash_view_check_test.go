//go:build linux

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// crashStored is a customer as the exports have them.
type crashStored struct {
	names    []string
	consents []struct {
		Channel string
		Granted bool
	}
	tags   []string
	events []string       // message IDs
	orders []time.Time    // when they were taken
	facts  map[string]int // by kind and what it is about
	heard  map[string]int // events of segments and thresholds
	turns  []crashTurn
	mail   []string // what became of messages, to be shown
}

// crashTurn is a change by which a segment or a threshold is told of.
type crashTurn struct {
	what string
	at   time.Time
}

// export reads all rows of one kind.
func (v *crashView) export(kind string, take func(line []byte) error) error {
	for cursor := ""; ; {
		data, header, _, err := v.line.do("GET", "/v1/export/"+kind+"?cursor="+url.QueryEscape(cursor), nil)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(data) {
			if err = take(line); err != nil {
				return err
			}
		}
		if cursor = header.Get("X-Next-Cursor"); cursor == "" {
			return nil
		}
	}
}

// stored reads everything back, by customer.
func (v *crashView) stored() (map[string]*crashStored, error) {
	all := map[string]*crashStored{}
	err := v.export("customers", func(line []byte) error {
		var row struct {
			Customer   string
			Identities []struct{ Kind, Value string }
			Tags       []string
			Consents   []struct {
				Channel string
				Granted bool
			}
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return err
		}
		c := &crashStored{facts: map[string]int{}, heard: map[string]int{}, consents: row.Consents, tags: row.Tags}
		for _, identity := range row.Identities {
			c.names = append(c.names, identity.Kind+":"+identity.Value)
		}
		all[row.Customer] = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	of := func(customer string) *crashStored {
		if all[customer] == nil { // what is on its way to somebody else, or what nobody has any more
			all[customer] = &crashStored{facts: map[string]int{}, heard: map[string]int{}}
		}
		return all[customer]
	}
	err = v.export("events", func(line []byte) error {
		var row struct {
			Customer, MessageID, Event string
			ReceivedAt                 time.Time
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return err
		}
		c := of(row.Customer)
		if strings.HasPrefix(row.Event, "Segment ") || strings.HasPrefix(row.Event, "Score ") {
			c.heard[row.Event]++ // which is told by the server itself
			return nil
		}
		c.events = append(c.events, row.MessageID)
		if row.Event == "Order" {
			c.orders = append(c.orders, row.ReceivedAt)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, v.export("decisions", func(line []byte) error {
		var row struct {
			Customer, Kind, Journey, From, To, Name, Reason string
			At                                              time.Time
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return err
		}
		c := of(row.Customer)
		switch row.Kind {
		case "moved", "refused", "placed", "exited":
			c.facts[row.Kind+" "+row.Journey+" "+strings.TrimSpace(row.From+" "+row.To)]++
		case "scored":
			c.facts["scored "+row.Name]++
		case "segment", "threshold":
			if row.Reason == "" {
				c.turns = append(c.turns, crashTurn{strings.TrimSpace(row.Kind + " " + row.Name + " " + row.To), row.At})
			}
		case "failed":
			c.facts["failed "+row.Reason]++
		case "message", "settled", "in doubt":
			c.mail = append(c.mail, strings.Join([]string{row.Kind, row.From, row.To, row.Reason, row.At.Format("05.000")}, " "))
		}
		return nil
	})
}

// settle waits until everything is as it must be, or until nothing changes any more although it is not.
func (v *crashView) settle(t *testing.T) {
	t.Helper()
	var last []string
	for changed := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		problems, err := v.problems()
		if err != nil {
			t.Fatal(err)
		}
		if len(problems) == 0 {
			return
		}
		if !slices.Equal(problems, last) {
			last, changed = problems, time.Now()
		}
		if time.Since(changed) > 2*time.Minute {
			for _, problem := range problems[:min(len(problems), 30)] {
				t.Error(problem)
			}
			if len(problems) > 30 {
				t.Errorf("and %d more", len(problems)-30)
			}
			return
		}
	}
}

// problems says what is not as the ledger has it.
func (v *crashView) problems() (problems []string, err error) {
	stored, err := v.stored()
	if err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	whose := map[string][]string{}
	for id, c := range stored {
		if len(c.names) == 0 {
			bad("%d events and %v belong to %s, who is nobody: %.200q", len(c.events), c.facts, id, c.events)
		}
		for _, name := range c.names {
			whose[name] = append(whose[name], id)
		}
	}
	taken := map[string]*crashPerson{}
	for _, p := range v.people {
		ids := whose[p.names[0]]
		if len(ids) != 1 {
			bad("%s is %d customers", p.names[0], len(ids))
			continue
		}
		if other := taken[ids[0]]; other != nil {
			bad("%s and %s are one customer", p.names[0], other.names[0])
		}
		taken[ids[0]] = p
		for _, problem := range p.differs(stored[ids[0]]) {
			bad("%s (%s): %s", p.names[0], ids[0], problem)
		}
	}
	for id, c := range stored {
		if taken[id] == nil && len(c.names) > 0 {
			bad("%s with the names %v is nobody whom the ledger knows; events %.300q", id, c.names, c.events)
		}
	}
	if err = v.checkRest(stored, bad); err != nil {
		return nil, err
	}
	slices.Sort(problems)
	return problems, nil
}

// differs says what is not as the ledger has it of one person.
func (p *crashPerson) differs(c *crashStored) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	names, theirs := slices.Sorted(slices.Values(p.names)), slices.Sorted(slices.Values(c.names))
	if names, theirs = slices.Compact(names), slices.Compact(theirs); !slices.Equal(names, theirs) {
		bad("has the names %v, not %v", theirs, names)
	}
	seen := map[string]int{}
	for _, event := range c.events {
		seen[event]++
	}
	for _, event := range p.events {
		if seen[event] != 1 {
			bad("event %s is there %d times", event, seen[event])
		}
		delete(seen, event)
	}
	others := 0
	for _, n := range seen {
		others += n
	}
	if others != p.more {
		bad("has %d other events %v, not %d", others, seen, p.more)
	}
	if moved := c.facts["moved club a b"] + c.facts["moved club b a"]; moved != p.goes {
		bad("was moved %d times, not %d", moved, p.goes)
	}
	for _, tag := range p.tags {
		if !slices.Contains(c.tags, tag) {
			bad("lacks tag %s", tag)
		}
	}
	for _, word := range c.consents {
		if (word.Channel == "" || word.Channel == "email") && word.Granted == p.no {
			bad("consent is %t, and they said no: %t", word.Granted, p.no)
		}
	}
	if (p.yes || p.no) != (len(c.consents) > 0) {
		bad("%d words of consent are there, and they said yes: %t, no: %t", len(c.consents), p.yes, p.no)
	}
	for _, fact := range slices.Sorted(maps.Keys(c.facts)) {
		_, known := p.facts[fact]
		if what := strings.Fields(fact); !known && (what[0] == "failed" || what[1] == "herd" || what[1] == "level" || what[1] == "done" || what[1] == "gold") {
			bad("there is %q %d times", fact, c.facts[fact])
		}
	}
	for fact, n := range p.facts {
		if c.facts[fact] != n {
			bad("there is %q %d times, not %d", fact, c.facts[fact], n)
		}
	}
	if p.orders > 0 {
		problems = append(problems, c.recount()...)
	}
	return problems
}

// crashTold is by which event a script hears of a turn, and which score counts that it did.
var crashTold = map[string]struct{ event, score string }{
	"segment resting entered":   {"Segment Entered", "entered-resting"},
	"segment resting left":      {"Segment Left", "left-resting"},
	"segment hot entered":       {"Segment Entered", "entered-hot"},
	"segment hot left":          {"Segment Left", "left-hot"},
	"threshold heat reached":    {"Score Reached", "reached"},
	"threshold heat fell below": {"Score Fell Below", "fell"},
}

// What the scripts of the load say of time and points.
const (
	crashResting  = 2 * time.Second
	crashHalfLife = 2 * time.Second
	crashHot      = 25.0
)

// recount finds from the stored orders when segments and thresholds must have changed, and compares.
func (c *crashStored) recount() (problems []string) {
	slices.SortFunc(c.orders, time.Time.Compare)
	var want []crashTurn
	points := 0.0
	var last time.Time
	resting := false
	fade := func(until time.Time) {
		// It counts from the next whole millisecond on: an order within that one keeps it from happening.
		cold := last.Add(time.Duration(math.Log2(points/crashHot) * float64(crashHalfLife))).Truncate(time.Millisecond).Add(time.Millisecond)
		if points >= crashHot && cold.Before(until) {
			want = append(want, crashTurn{"threshold heat fell below", cold}, crashTurn{"segment hot left", cold})
		}
		if rest := last.Add(crashResting); !last.IsZero() && rest.Before(until) {
			want, resting = append(want, crashTurn{"segment resting entered", rest}), true
		}
	}
	for _, at := range c.orders {
		fade(at)
		if resting {
			want, resting = append(want, crashTurn{"segment resting left", at}), false
		}
		if !last.IsZero() {
			points *= math.Exp2(-float64(at.Sub(last)) / float64(crashHalfLife))
		}
		if last = at; points < crashHot && points+10 >= crashHot {
			want = append(want, crashTurn{"threshold heat reached", at}, crashTurn{"segment hot entered", at})
		}
		points += 10
	}
	fade(last.Add(time.Hour))
	byWhat := func(a, b crashTurn) int {
		if a.what != b.what {
			return strings.Compare(a.what, b.what)
		}
		return a.at.Compare(b.at)
	}
	slices.SortFunc(want, byWhat)
	slices.SortFunc(c.turns, byWhat)
	same := slices.EqualFunc(want, c.turns, func(a, b crashTurn) bool {
		return a.what == b.what && a.at.Sub(b.at).Abs() <= 2*time.Millisecond
	})
	if !same {
		problems = append(problems, fmt.Sprintf("segments and thresholds changed\n%v, and by the orders they should have\n%v", c.turns, want))
	}
	told, scored := map[string]int{}, map[string]int{}
	for _, turn := range want {
		one := crashTold[turn.what]
		told[one.event]++
		scored["scored "+one.score]++
	}
	if !maps.Equal(told, c.heard) {
		problems = append(problems, fmt.Sprintf("was told %v, not %v", c.heard, told))
	}
	for _, one := range crashTold {
		if what := "scored " + one.score; c.facts[what] != scored[what] {
			problems = append(problems, fmt.Sprintf("scripts heard %q %d times, not %d", one.score, c.facts[what], scored[what]))
		}
	}
	return problems
}

// checkRest looks at mails, bulks, forms, sources and errors.
func (v *crashView) checkRest(stored map[string]*crashStored, bad func(string, ...any)) error {
	left := map[string]int{}
	if err := readMail(v.data, func(line logged) error {
		left[line.Subject]++
		return nil
	}); err != nil {
		return err
	}
	for _, ping := range v.pings {
		if n := left["ping "+ping+";"]; n != 1 {
			for _, c := range stored {
				if slices.Contains(c.events, ping) {
					bad("ping %s left %d times; of %v: %q", ping, n, c.names, c.mail)
				}
			}
		}
	}
	if left["ask"] != v.forms+v.open {
		bad("%d addresses were asked, not %d", left["ask"], v.forms+v.open)
	}
	for _, b := range v.bulks {
		answer, _, _, err := v.line.do("GET", "/api/bulks/"+b.name, nil)
		if err != nil {
			return err
		}
		var is struct {
			Progress struct{ Done, Refused, Same, Gone, Sent int64 }
		}
		if err = json.Unmarshal(answer, &is); err != nil {
			return err
		}
		if p := is.Progress; p.Done != b.done || p.Refused != b.refused || p.Same+p.Gone+p.Sent != 0 {
			bad("bulk %s counts %+v, not %d and %d refused", b.name, p, b.done, b.refused)
		}
	}
	var forms struct {
		Forms []struct {
			Figures struct{ Sent, Waiting, Confirmed int }
		}
	}
	if err := v.get("/api/forms", &forms); err != nil {
		return err
	}
	if f := forms.Forms[0].Figures; f.Confirmed != v.forms || f.Waiting != v.open || f.Sent != v.forms+v.open {
		bad("the form counts %+v, not %d confirmed and %d waiting", f, v.forms, v.open)
	}
	var o shown
	if err := v.get("/api/overview", &o); err != nil {
		return err
	}
	for _, e := range o.Errors {
		bad("a step was set aside: %s:%d: %s (user %s)", e.File, e.Line, e.Message, e.User)
	}
	if club := o.journey("club"); int(club.Customers) != len(v.people)-v.quiet() {
		bad("%d customers are in club, not %d", club.Customers, len(v.people)-v.quiet())
	}
	for _, gone := range v.erased {
		for _, name := range gone.names {
			if answer, _, _, err := v.line.do("GET", "/v1/customers/"+url.PathEscape(name), nil); err == nil {
				bad("%s was erased and is found: %s", name, answer)
			}
		}
	}
	return nil
}

// quiet is how many people came in with a list, which begins no journey.
func (v *crashView) quiet() (n int) {
	for _, p := range v.people {
		if strings.HasPrefix(p.names[0], "user:in") {
			n++
		}
	}
	return n
}

func (v *crashView) get(path string, target any) error {
	answer, _, _, err := v.line.do("GET", path, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, target)
}

// checkRewritten has the store written anew once more, and looks for those who were erased in the bytes of all files.
func (v *crashView) checkRewritten(t *testing.T, server *serverProcess) {
	t.Helper()
	samples, err := server.metrics()
	if err != nil {
		t.Fatal(err)
	}
	if n := int(samples["stagecraft_customers"]); n != len(v.people) {
		t.Errorf("%d customers are counted, not %d", n, len(v.people))
	}
	var standing struct {
		Rewriting bool
		Problem   string
	}
	await := func() {
		t.Helper()
		for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			if err := v.get("/v1/privacy", &standing); err != nil {
				t.Fatal(err)
			}
			if !standing.Rewriting {
				return
			}
			if time.Since(began) > 3*time.Minute {
				t.Fatal("a rewrite of the store takes more than three minutes")
			}
		}
	}
	await() // of one that began before the last erasure
	if err := v.line.post("/v1/privacy/rewrite", nil); err != nil {
		t.Fatal(err)
	}
	if await(); standing.Problem != "" {
		t.Errorf("the store was not rewritten: %s", standing.Problem)
	}
	secret, back := map[string]bool{}, map[string]bool{}
	for _, gone := range v.erased {
		for _, word := range gone.secret {
			secret[word] = true
		}
	}
	for _, p := range v.people {
		if _, name, _ := strings.Cut(p.names[0], ":"); strings.HasPrefix(name, crashMark) {
			back[name] = true
		}
	}
	left, there := 0, 0
	look := func() error {
		there = 0
		return filepath.WalkDir(v.data, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for at := 0; ; at++ { // all of them begin alike and are of one length, so that one look at the bytes is enough
				i := bytes.Index(data[at:], []byte(crashMark))
				if i < 0 || at+i+crashMarkBytes > len(data) {
					return nil
				}
				at += i
				word := string(data[at : at+crashMarkBytes])
				if back[word] {
					there++
				}
				if secret[word] {
					if left++; left <= 10 {
						name, _ := filepath.Rel(v.data, path)
						t.Errorf("%s has still %s of somebody who was erased", name, word)
					}
				}
			}
		})
	}
	err = look()
	for try := 0; errors.Is(err, fs.ErrNotExist) && try < 20; try++ { // the server works on: what one file had is in another one now
		err = look()
	}
	if err != nil {
		t.Fatal(err)
	}
	if there == 0 && len(back) > 0 {
		t.Error("those who came back are not in the files, so that those who are gone are looked for in the wrong way")
	}
}
