package app_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// crowd is what many customers live, who bring and merge into each other, under everything by which a server changes them.
type crowd struct {
	*lived
	rt      *rapid.T
	log     []string
	changed bool
	hooked  bool
	mode    lifecycle.Mode

	partitions map[int]bool // in which anything may be
}

var (
	crowdUsers    = []string{"ada", "bob", "eve"}
	crowdVisitors = []string{"phone", "tablet"}
)

func userID(user string) lifecycle.ID {
	return lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash()
}

func newCrowd(t *testing.T, rt *rapid.T) *crowd {
	w := &crowd{lived: newLivedWithin(t, delivery.Policy{}, script.Limits{Wall: time.Minute}), rt: rt, mode: lifecycle.Live}
	w.partitions = map[int]bool{}
	for _, name := range append(slices.Clone(crowdUsers), crowdVisitors...) {
		for _, kind := range []lifecycle.IdentityKind{lifecycle.UserID, lifecycle.AnonymousID} {
			w.partitions[lifecycle.Identity{Kind: kind, Value: name}.Hash().Partition()] = true
		}
		w.partitions[lifecycle.Identity{Kind: lifecycle.EmailIdentity, Value: name + "@shop.example"}.Hash().Partition()] = true
	}
	w.delivery.SetHeirs(w.engine)
	w.engine.SetForgetter(w.delivery)
	w.engine.SetReferrals("Ordered", func(code string) (lifecycle.ID, bool) {
		user, ok := strings.CutPrefix(code, "code-")
		return userID(user), ok
	})
	w.publish(social("discount"))
	return w
}

// social is a club whose members make things happen to each other, and that listens to what the engine says itself.
func social(discount string) map[string]string {
	files := club(discount)
	files["journey.lua"] += `
on("Looked", function(customer, event)
	for _, friend in ipairs { "ada", "bob" } do
		track("Greeted", { by = customer.id or "nobody" }, { to = friend })
	end
	wait "5 days"
	track("Remembered", {}, { to = "ada" })
end)
on("Greeted", function(customer, event) score(1, { name = "heat" }) send "welcome" end)
on("Remembered", function(customer, event) tag "remembered" end)
on("Score Reached", function(customer, event) set("reached", event.properties.threshold) end)
on("Segment Entered", function(customer, event) set("segment", event.properties.segment) end)
on("Stage Entered", function(customer, event)
	if event.properties.stage == "gone" then
		send "bonus"
	end
end)
on("Referral Converted", function(customer) send "bonus" wait "2 hours" tag "thanked" end)
on("Form Submitted", function(customer, event) set("form", event.properties.form) send "pro-tips" end)`
	return files
}

// settle carries out whatever partitions have left for each other, and hands over what is due by mail.
func (w *crowd) settle() {
	w.t.Helper()
	for range 2 {
		w.chores()
		for _, c := range w.customers() {
			for _, kind := range []lifecycle.MessageKind{lifecycle.Marketing, lifecycle.Transactional} {
				w.must(w.delivery.HandOver(context.Background(), &lifecycle.Message{Customer: c.ID, Channel: "email", Kind: kind}, w.clock.Now()))
			}
		}
	}
	w.chores()
}

func (w *crowd) must(err error) {
	w.t.Helper()
	if err != nil {
		w.rt.Fatalf("%s\n%v", strings.Join(w.log, "\n"), err)
	}
}

// replayed lives a customer again, and says where that differs.
func (w *crowd) replayed(id lifecycle.ID) string {
	w.t.Helper()
	answer, err := w.lives.Replay(context.Background(), id)
	w.must(err)
	replayed, text := answer.(*app.Replayed), ""
	for _, d := range replayed.Differences {
		text += fmt.Sprintf("%s\n  stored   %s\n  replayed %s\n", d.Field, d.Stored, d.Replayed)
	}
	return text
}

// chores lets every partition in which anything may be do what its owner would, more than once: what one leaves for others
// may come to one that is done.
func (w *crowd) chores() {
	w.t.Helper()
	for range 3 {
		for _, p := range slices.Sorted(maps.Keys(w.partitions)) {
			w.must(w.engine.Chores(context.Background(), p))
		}
	}
}

func (w *crowd) customers() []*lifecycle.Customer {
	w.t.Helper()
	list, _, err := w.engine.Customers(context.Background(), engine.MemberCursor{}, 1000)
	w.must(err)
	return list
}

// owned lets the partitions work by themselves until something is done.
func (w *crowd) owned(do func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var owners sync.WaitGroup
	for p := range lifecycle.Partitions {
		owners.Go(func() { w.engine.Own(ctx, p) })
	}
	do()
	cancel()
	owners.Wait()
}

// pass lets time pass for everybody, timer by timer.
func (w *crowd) pass(d time.Duration) {
	w.t.Helper()
	for until := w.clock.Now().Add(d); ; {
		var next *lifecycle.Customer
		for _, c := range w.customers() {
			if !c.Due.IsZero() && !c.Due.After(until) && (next == nil || c.Due.Before(next.Due)) {
				next = c
			}
		}
		if next == nil {
			w.clock.Set(until)
			return
		}
		w.clock.Set(next.Due)
		w.must(w.engine.FireAt(context.Background(), next.ID, next.Due))
		w.settle()
	}
}

func (w *crowd) send(event lifecycle.Event) {
	w.t.Helper()
	w.n++
	event.MessageID = fmt.Sprint("m", w.n)
	if event.Type == "" {
		event.Type = lifecycle.Track
	}
	if event.Timestamp.IsZero() {
		event.Timestamp = w.clock.Now()
	}
	w.partitions[event.Identity().Hash().Partition()] = true
	results, err := w.engine.Receive(context.Background(), []lifecycle.Event{event})
	w.must(err)
	w.must(results[0].Err)
}

func (w *crowd) user() string    { return rapid.SampledFrom(crowdUsers).Draw(w.rt, "user") }
func (w *crowd) visitor() string { return rapid.SampledFrom(crowdVisitors).Draw(w.rt, "visitor") }
func (w *crowd) somebody() lifecycle.Event {
	if rapid.IntRange(0, 3).Draw(w.rt, "who") == 0 {
		return lifecycle.Event{AnonymousID: w.visitor()}
	}
	return lifecycle.Event{UserID: w.user()}
}
func (w *crowd) say(format string, args ...any) {
	w.log = append(w.log, w.clock.Now().Format("01-02 15:04:05 ")+fmt.Sprintf(format, args...))
}

// crowdSteps are what may happen.
func crowdSteps() map[string]func(w *crowd) {
	steps := rankSteps()
	maps.Copy(steps, map[string]func(w *crowd){
		"order": func(w *crowd) {
			e := w.somebody()
			e.Name, e.Properties = "Ordered", fmt.Appendf(nil, `{"total":%d}`, rapid.IntRange(1, 100).Draw(w.rt, "total"))
			w.say("%s%s orders %s", e.UserID, e.AnonymousID, e.Properties)
			w.send(e)
		},
		"look": func(w *crowd) {
			e := w.somebody()
			e.Name = "Looked"
			w.say("%s%s looks", e.UserID, e.AnonymousID)
			w.send(e)
		},
		"friend": func(w *crowd) {
			e := w.somebody()
			e.Type, e.Name, e.Context = lifecycle.Page, lifecycle.PageViewed, fmt.Appendf(nil, `{"page":{"url":"https://shop.example/?ref=code-%s"}}`, w.user())
			w.say("%s%s comes by %s", e.UserID, e.AnonymousID, e.Context)
			w.send(e)
		},
		"plan": func(w *crowd) {
			e := w.somebody()
			e.Type, e.Traits = lifecycle.Identify, fmt.Appendf(nil, `{"email":"%s@shop.example","plan":"pro"}`, w.user())
			w.say("%s%s says %s", e.UserID, e.AnonymousID, e.Traits)
			w.send(e)
		},
		"sign in": func(w *crowd) {
			e := lifecycle.Event{Type: lifecycle.Identify, UserID: w.user(), AnonymousID: w.visitor()}
			w.say("%s is %s", e.AnonymousID, e.UserID)
			w.send(e)
		},
		"alias": func(w *crowd) {
			e := lifecycle.Event{Type: lifecycle.Alias, UserID: w.user(), Properties: fmt.Appendf(nil, `{"previousId":%q}`, w.user())}
			w.say("alias %s %s", e.UserID, e.Properties)
			w.send(e)
		},
		"time": func(w *crowd) {
			d := time.Duration(rapid.IntRange(1, 30*24).Draw(w.rt, "hours")) * time.Hour
			w.say("%v pass", d)
			w.pass(d)
		},
		"publish": func(w *crowd) {
			w.changed = !w.changed
			w.say("publish")
			w.publish(social(map[bool]string{true: "bonus", false: "discount"}[w.changed]))
		},
		"mode": func(w *crowd) {
			w.mode = map[lifecycle.Mode]lifecycle.Mode{lifecycle.Live: lifecycle.Shadow, lifecycle.Shadow: lifecycle.Live}[w.mode]
			w.say("mode %s", w.mode)
			w.must(w.engine.SetMode(context.Background(), engine.SetMode{Journey: "club", Mode: w.mode}))
		},
		"consent": func(w *crowd) {
			e := w.somebody()
			e.Timestamp = w.clock.Now()
			word := lifecycle.Consent{Channel: "email", Granted: rapid.Bool().Draw(w.rt, "granted"), Source: "api"}
			w.say("%s%s consents %v", e.UserID, e.AnonymousID, word.Granted)
			w.must(w.engine.SayOf(context.Background(), e, word))
		},
		"preferences": func(w *crowd) {
			if c := w.anyone(); c != nil {
				word := lifecycle.Consent{Channel: "email", Granted: rapid.Bool().Draw(w.rt, "granted"), Source: "preferences"}
				w.say("%s consents on a page %v", c.ID, word.Granted)
				w.must(w.engine.Say(context.Background(), c.ID, lifecycle.Ref{}, engine.Proof{IP: "192.0.2.1"}, word))
			}
		},
		"move": func(w *crowd) {
			if c := w.anyone(); c != nil {
				ask := engine.Change{Customer: c.ID, Journey: "club", By: "somebody", Why: rapid.SampledFrom([]string{"", "a wish"}).Draw(w.rt, "why")}
				ask.Act = rapid.SampledFrom([]engine.Act{engine.ActMove, engine.ActEnrol, engine.ActExit, engine.ActPlace}).Draw(w.rt, "act")
				if ask.Act == engine.ActMove || ask.Act == engine.ActPlace {
					ask.To = rapid.SampledFrom([]string{"new", "regular", "gone"}).Draw(w.rt, "to")
				}
				if ask.Act == engine.ActPlace && rapid.Bool().Draw(w.rt, "since") {
					ask.Entered = w.clock.Now().Add(-50 * time.Hour)
				}
				out, err := w.engine.Change(context.Background(), ask, "")
				w.must(err)
				w.say("%s %s to %s: %+v", ask.Act, c.ID, ask.To, out)
			}
		},
		"bulk": func(w *crowd) {
			w.n++
			ctx, name := context.Background(), fmt.Sprint("bulk", w.n)
			b := engine.Bulk{Name: name, Act: engine.ActMove, Journey: "club", To: rapid.SampledFrom([]string{"regular", "gone"}).Draw(w.rt, "to"), Why: "spring", Audience: engine.Audience{Everybody: true}}
			w.say("bulk to %s", b.To)
			_, err := w.engine.SaveBulk(ctx, b, false)
			w.must(err)
			_, err = w.engine.SetBulk(ctx, name, engine.BulkRunning, "minh")
			w.must(err)
			for p := range lifecycle.Partitions {
				w.must(w.engine.Chores(ctx, p))
			}
			progress, err := w.engine.BulkProgress(ctx, name)
			w.must(err)
			if !progress.Over {
				w.rt.Fatalf("bulk: %+v", progress)
			}
		},
		"rows": func(w *crowd) {
			ctx := context.Background()
			w.n++
			w.must(w.engine.OpenImport(ctx, "crm", false))
			e := w.somebody()
			e.Traits = fmt.Appendf(nil, `{"email":"%s@shop.example","city":"Hue"}`, w.user())
			row := engine.Row{Tags: []string{"listed"}}
			switch rapid.IntRange(0, 3).Draw(w.rt, "row") {
			case 0:
				row.Stages = []engine.RowStage{{Journey: "club", Stage: "regular"}}
			case 1:
				row.Consents = []lifecycle.Consent{{Channel: "email", Granted: rapid.Bool().Draw(w.rt, "granted")}}
			case 2:
				row.Suppress = []lifecycle.Suppression{{Channel: "email", Reason: lifecycle.SuppressedBounce}}
			}
			w.say("row of %s%s: %s %+v", e.UserID, e.AnonymousID, e.Traits, row)
			results, err := w.engine.ImportRows(ctx, "crm", []engine.RowLine{{ID: fmt.Sprint(w.n), Event: e, Row: row}})
			w.must(err)
			w.must(results[0].Err)
		},
		"scores": func(w *crowd) {
			half := rapid.SampledFrom([]string{"5 days", "10 days"}).Draw(w.rt, "half-life")
			rules, errs := script.New(script.Limits{}).Scores([]byte(`score { name = "heat", half_life = "` + half + `", thresholds = { 1, 3 } }`))
			if len(errs) > 0 {
				w.rt.Fatal(errs)
			}
			w.say("scores %s", half)
			w.must(w.engine.PublishScores(context.Background(), rules))
		},
		"segments": func(w *crowd) {
			n := rapid.IntRange(1, 3).Draw(w.rt, "at least")
			w.say("segments %d", n)
			w.must(w.engine.PublishSegments(context.Background(), script.Source{Name: script.SegmentsFolder, Files: map[string][]byte{
				"buyers.lua": fmt.Appendf(nil, "segment { title = \"Buyers\" }\nmember(function() return count(\"Ordered\", \"3 days\") >= %d end)", n)}}))
		},
		"report": func(w *crowd) {
			c := w.anyone()
			if c == nil {
				return
			}
			entries, err := w.engine.Timeline(context.Background(), c.ID, 100)
			w.must(err)
			for _, entry := range entries {
				for _, fact := range entry.Facts {
					if fact.Kind == lifecycle.FactMessage && !fact.Message.IsZero() && entry.From.IsZero() {
						r := engine.Report{Channel: "email", Message: lifecycle.Ref{Partition: c.ID.Partition(), Decided: fact.At, ID: fact.Message},
							Event: rapid.SampledFrom([]string{"opened", "clicked", "bounced", "complained", "unsubscribed"}).Draw(w.rt, "report")}
						w.say("%s of %s: %s", r.Event, fact.Name, c.ID)
						w.engine.Keep(context.Background(), []engine.Report{r})
						return
					}
				}
			}
		},
		"direct": func(w *crowd) {
			w.n++
			e := w.somebody()
			e.MessageID = fmt.Sprint("d", w.n)
			w.say("direct to %s%s", e.UserID, e.AnonymousID)
			_, err := w.engine.Send(context.Background(), engine.Direct{Event: e, Journey: "club", Message: "welcome"})
			w.must(err)
		},
		"webhook": func(w *crowd) { // of a shop, which knows an address
			w.n++
			e := lifecycle.Event{AnonymousID: fmt.Sprint("shop", w.n), Name: "Ordered", Properties: []byte(`{"total":9}`),
				Context: fmt.Appendf(nil, `{"traits":{"email":"%s@shop.example"}}`, w.user())}
			w.say("%s says %s", e.AnonymousID, e.Context)
			w.send(e)
		},
		"tracked word": func(w *crowd) {
			e := w.somebody()
			e.Name = rapid.SampledFrom([]string{"Subscribed", "Unsubscribed", "Email Bounced", "Email Complained"}).Draw(w.rt, "word")
			e.Properties = []byte(rapid.SampledFrom([]string{"{}", `{"channel":"email"}`}).Draw(w.rt, "channel"))
			w.say("%s%s tracks %s %s", e.UserID, e.AnonymousID, e.Name, e.Properties)
			w.send(e)
		},
		"hooks": func(w *crowd) {
			w.hooked = !w.hooked
			w.say("stages are posted: %v", w.hooked)
			w.engine.SetStageWebhooks(map[bool][]string{true: {"https://crm.example/stages", "https://till.example/stages"}}[w.hooked])
		},
		"history": func(w *crowd) {
			w.historyOf("shop")
			w.settle()
			w.pass(time.Second)
			w.say("history ends")
			_, err := w.engine.CloseImport(context.Background(), "shop", w.clock.Now(), false, time.Minute)
			w.must(err)
		},
		"histories": func(w *crowd) { // of several imports, which may stay open, and may be aborted
			source := rapid.SampledFrom([]string{"shop", "till"}).Draw(w.rt, "source")
			w.historyOf(source)
			w.settle()
			w.pass(time.Second)
			if end := rapid.SampledFrom([]string{"closed", "aborted", "open"}).Draw(w.rt, "end"); end != "open" {
				w.say("the history of %s is %s", source, end)
				_, err := w.engine.CloseImport(context.Background(), source, w.clock.Now(), end == "aborted", time.Minute)
				w.must(err)
			}
		},
		"burst": func(w *crowd) { // nobody carries out what one leaves for others before the next one comes
			for range rapid.IntRange(2, 8).Draw(w.rt, "burst") {
				crowdSteps()[rapid.SampledFrom([]string{"order", "look", "plan", "sign in", "sign in"}).Draw(w.rt, "step")](w)
				w.clock.Advance(time.Millisecond)
			}
		},
		"erase": func(w *crowd) {
			if c := w.anyone(); c != nil && rapid.Bool().Draw(w.rt, "really") {
				w.say("erase %s", c.ID)
				w.owned(func() { w.must(w.engine.Erase(context.Background(), c.ID, nil)) })
			}
		},
	})
	return steps
}

// historyOf brings in lines of an import, at times that are over.
func (w *crowd) historyOf(source string) {
	ctx := context.Background()
	w.must(w.engine.OpenImport(ctx, source, true))
	var lines []engine.Line
	for range rapid.IntRange(1, 4).Draw(w.rt, "lines") {
		w.n++
		e := w.somebody()
		e.Type, e.Name, e.Properties = lifecycle.Track, "Ordered", []byte(`{"total":7}`)
		e.Timestamp = w.clock.Now().Add(-time.Duration(rapid.IntRange(0, 60*24).Draw(w.rt, "hours ago")) * time.Hour)
		w.say("history of %s%s: %s", e.UserID, e.AnonymousID, e.Timestamp.Format("01-02 15:04:05"))
		lines = append(lines, engine.Line{ID: fmt.Sprint(w.n), Event: e})
	}
	results, err := w.engine.Import(ctx, source, lines)
	w.must(err)
	for _, result := range results {
		w.must(result.Err)
	}
}

func (w *crowd) anyone() *lifecycle.Customer {
	all := w.customers()
	if len(all) == 0 {
		return nil
	}
	return rapid.SampledFrom(all).Draw(w.rt, "anyone")
}

// TestAReplayOfACrowd lets many lives be lived at random, in which people become one and make things happen to each other, and
// lives each of them again.
func TestAReplayOfACrowd(t *testing.T) {
	liveAndReplay(t, crowdNames(), 20)
}

// TestAReplayOfBursts has what comes within milliseconds make people one.
func TestAReplayOfBursts(t *testing.T) {
	liveAndReplay(t, burstNames(), 40)
}

// TestAReplayOfHistories has several imports of history at once and one after the other, which end in different ways.
func TestAReplayOfHistories(t *testing.T) {
	liveAndReplay(t, historyNames(), 40)
}

func crowdNames() []string {
	ranks := rankSteps()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(crowdSteps())), func(name string) bool { return name == "burst" || name == "histories" || ranks[name] != nil })
	return append(names, "order", "look", "time", "time")
}

func historyNames() []string {
	return []string{"histories", "histories", "histories", "order", "time", "look", "publish", "sign in"}
}

func burstNames() []string { return []string{"burst", "burst", "order", "time", "publish", "move"} }

// liveAndReplay lives as many random lives as there are seeds.
func liveAndReplay(t *testing.T, names []string, seeds int) {
	for seed := range seeds {
		liveAndReplaySeeds(t, names, seed)
	}
}

func liveAndReplaySeeds(t *testing.T, names []string, seeds ...int) {
	t.Helper()
	lives := rapid.Custom(func(rt *rapid.T) string { return lifeAndReplay(t, rt, names) })
	for _, seed := range seeds {
		if differs := lives.Example(seed); differs != "" {
			t.Errorf("seed %d: %s", seed, differs)
		}
	}
}

func lifeAndReplay(t *testing.T, rt *rapid.T, names []string) string {
	w := newCrowd(t, rt)
	defer w.store.Close()
	for range rapid.IntRange(1, 12).Draw(rt, "steps") {
		crowdSteps()[rapid.SampledFrom(names).Draw(rt, "step")](w)
		w.settle()
		w.pass(time.Second)
	}
	w.settle()
	for _, c := range w.customers() {
		if differs := w.replayed(c.ID); differs != "" {
			return fmt.Sprintf("%s\n\n%s %s\n%s", strings.Join(w.log, "\n"), c.UserID()+c.AnonymousID(), c.ID, differs)
		}
	}
	return ""
}
