package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// counted is an engine with its figures and nothing else, in which nothing happens by itself.
type counted struct {
	engine  *engine.Engine
	insight *insight.Insight
}

func (m counted) Apply(tx store.Tx, input any) (any, error) {
	answer, _, err := m.engine.Apply(tx, input)
	return answer, err
}

func (m counted) Ask(tx store.Reader, query any) (any, error) {
	if answer, handled, err := m.engine.Ask(tx, query); handled {
		return answer, err
	}
	answer, _, err := m.insight.Ask(tx, query)
	return answer, err
}

func (counted) Own(ctx context.Context, _ int) { <-ctx.Done() }

// nowhere is an outbox that nothing leaves.
type nowhere struct{}

func (nowhere) PutRendered(store.Tx, *lifecycle.Message, *lifecycle.Rendered, *lifecycle.Customer, time.Time) {
}
func (nowhere) Put(store.Tx, *lifecycle.Message, *lifecycle.Customer, time.Time) {}
func (nowhere) Watch(store.Tx, time.Time, lifecycle.ID) (lifecycle.MessageState, string) {
	return "", ""
}
func (nowhere) Left(store.Reader, time.Time, lifecycle.ID) bool { return false }
func (nowhere) Sent(store.Reader, time.Time, lifecycle.ID) (*lifecycle.Message, string) {
	return nil, ""
}
func (nowhere) Free(store.Tx, lifecycle.ID)                                  {}
func (nowhere) WrittenTo(store.Reader, string, string) []lifecycle.Addressee { return nil }

// recount is what the log of events says about a journey, counted anew.
type recount struct {
	entered, converted, exited, held, heldGoals map[string]int64
	moves, refused                              map[[2]string]int64
	stays                                       map[[2]string][]time.Duration
}

func newRecount() *recount {
	counts := func() map[string]int64 { return map[string]int64{} }
	return &recount{counts(), counts(), counts(), counts(), counts(), map[[2]string]int64{}, map[[2]string]int64{}, map[[2]string][]time.Duration{}}
}

// count takes one fact; since is when the customer came into the stage.
func (r *recount) count(f *lifecycle.Fact, since time.Time) {
	switch f.Kind {
	case lifecycle.FactEntered:
		r.entered[f.To]++
		if f.Heldout {
			r.held[f.To]++
		}
	case lifecycle.FactMoved:
		r.moves[[2]string{f.From, f.To}]++
		r.stays[[2]string{f.From, f.To}] = append(r.stays[[2]string{f.From, f.To}], f.At.Sub(since))
	case lifecycle.FactExited:
		if f.Name != "" {
			r.exited[f.From]++
			r.stays[[2]string{f.From, ""}] = append(r.stays[[2]string{f.From, ""}], f.At.Sub(since))
		}
	case lifecycle.FactRefused:
		r.refused[[2]string{f.From, f.To}]++
	case lifecycle.FactConverted:
		r.converted[f.From]++
		if f.Heldout {
			r.heldGoals[f.From]++
		}
	}
}

// thread is the life of one customer as long as they were one: those of merged ones stand in the survivor's timeline.
type thread struct {
	of      lifecycle.ID
	entries []engine.TimelineEntry
	last    time.Time
	since   time.Time // since when they were in their last stage
	stage   string
}

// threads cuts a timeline, newest first, into the lives that it is made of; those that ended first come first.
func threads(id lifecycle.ID, timeline []engine.TimelineEntry) []*thread {
	by := map[lifecycle.ID]*thread{}
	for _, entry := range slices.Backward(timeline) {
		of := entry.From
		if of.IsZero() {
			of = id
		}
		if by[of] == nil {
			by[of] = &thread{of: of}
		}
		by[of].entries = append(by[of].entries, entry)
		by[of].last = entry.At
	}
	all := slices.Collect(maps.Values(by))
	sort.Slice(all, func(i, j int) bool {
		return all[i].last.Before(all[j].last) || all[i].last.Equal(all[j].last) && all[j].of == id
	})
	return all
}

func equalCounts[K comparable](t *testing.T, what string, got, want map[K]int64) {
	t.Helper()
	got = maps.Clone(got)
	maps.DeleteFunc(got, func(_ K, n int64) bool { return n == 0 })
	if !maps.Equal(got, want) {
		t.Errorf("%s: %v, but the log says %v", what, got, want)
	}
}

func (r *recount) compare(t *testing.T, when string, j *insight.Journey) {
	t.Helper()
	equalCounts(t, when+": entered", j.Entered, r.entered)
	equalCounts(t, when+": converted", j.Converted, r.converted)
	equalCounts(t, when+": exited", j.Exited, r.exited)
	equalCounts(t, when+": moves", j.Moves, r.moves)
	equalCounts(t, when+": refused", j.Refused, r.refused)
	equalCounts(t, when+": held out", j.HeldoutEntered, r.held)
	equalCounts(t, when+": held out, converted", j.HeldoutConverted, r.heldGoals)
	byStage := map[string][]time.Duration{}
	for pair, stays := range r.stays {
		compareStays(t, fmt.Sprint(when, ": ", pair), j.StayedBefore[pair], stays)
		byStage[pair[0]] = append(byStage[pair[0]], stays...)
	}
	for stage, stays := range byStage {
		compareStays(t, when+": "+stage, j.Stayed[stage], stays)
	}
}

func compareStays(t *testing.T, what string, got *insight.Stays, stays []time.Duration) {
	t.Helper()
	if got == nil || got.Count() != int64(len(stays)) {
		t.Errorf("%s: not all of %d stays are counted", what, len(stays))
		return
	}
	slices.Sort(stays)
	for i, q := range got.Quantiles() {
		place := int(insight.Shares[i]*float64(len(stays))+0.999999) - 1
		want := stays[max(0, place)]
		if off := (q - want).Abs(); float64(off) > 0.02*float64(want) {
			t.Errorf("%s: %s is %v, but the log says %v", what, insight.Percentiles[i], q, want)
		}
	}
}

// Figures are what the log says: customers live at random, merge, are refused, come and go, and everything is counted anew from
// their timelines, for all time and day by day.
func TestFiguresAreWhatTheLogSays(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { recounted(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func recounted(t *testing.T, random *rand.Rand) {
	ctx := t.Context()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	figures, host := insight.New(), script.New(script.Limits{})
	e := engine.New(engine.Options{Clock: lifecycle.NewManualClock(start), Host: host, Outbox: nowhere{}, Recorder: figures,
		Log: slog.New(slog.DiscardHandler), MaxPending: 1 << 20})
	e.Bind(s)
	figures.Bind(s)
	s.Start(counted{e, figures})
	source := script.Source{Name: "life", Files: map[string][]byte{
		"journey.lua": []byte(`journey { title = "Life", stages = { "new", "warm", "buyer" }, exit = "Gone",
			moves = { new = { "warm", "buyer" }, warm = { "buyer", "new" }, buyer = { "warm" } } }`),
		"new.lua": []byte(`stage { title = "New", goal = "Bought", next = "buyer", holdout = "30%", reenter = "always" }
			on("Liked", function() move "warm" end)
			on("Wished", function(_, event) move(event.properties.stage) end)`),
		"warm.lua": []byte(`stage { title = "Warm", goal = "Bought", next = "buyer" }
			idle("Liked", "9 days", function() move "new" end)`),
		"buyer.lua": []byte(`stage { title = "Buyer", holdout = "20%" }
			on("Complained", function() move "warm" end)
			on("Liked", function() move "new" end)`),
	}}
	if err = e.Publish(ctx, engine.Publish{Source: source, Mode: lifecycle.Live}); err != nil {
		t.Fatal(err)
	}

	now, names := start, []lifecycle.Identity{}
	for n := range 40 {
		names = append(names, lifecycle.Identity{Kind: lifecycle.UserID, Value: fmt.Sprint("u", n)}, lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: fmt.Sprint("a", n)})
	}
	records := func() map[lifecycle.ID]*lifecycle.Customer {
		found := map[lifecycle.ID]*lifecycle.Customer{}
		for _, name := range names {
			if c, err := e.Record(ctx, name.Hash()); err == nil && c != nil {
				found[c.ID] = c
			}
		}
		return found
	}
	events := []string{"Liked", "Liked", "Bought", "Wished", "Complained", "Gone", "Seen"}
	for n := range 900 {
		// A pause of seconds, of hours or of days: stays of all lengths.
		now = now.Add(time.Duration(random.ExpFloat64() * float64([]time.Duration{time.Second, time.Hour, 5 * time.Hour}[random.IntN(3)])))
		who := fmt.Sprint(random.IntN(40))
		event := lifecycle.Event{Type: lifecycle.Track, Name: events[random.IntN(len(events))], MessageID: fmt.Sprint("m", n), Received: now, Timestamp: now}
		switch random.IntN(12) {
		case 0:
			event.UserID, event.AnonymousID = "u"+who, "a"+who // they log in: two become one
		case 1, 2, 3, 4:
			event.AnonymousID = "a" + who
		default:
			event.UserID = "u" + who
		}
		if event.Name == "Wished" {
			event.Properties, _ = json.Marshal(map[string]string{"stage": []string{"warm", "new", "buyer", "moon"}[random.IntN(4)]})
		}
		if err = e.ReceiveAt(ctx, event, now); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(30 * 24 * time.Hour)
	for id := range records() {
		for range 20 { // one after the other, as many as there are
			if err = e.FireAt(ctx, id, now); err != nil {
				t.Fatal(err)
			}
		}
	}

	all, days, in := newRecount(), map[insight.Date]*recount{}, map[string]int64{}
	customers := records()
	for id, c := range customers {
		if visit := c.Visit("life"); visit != nil && visit.Stage != "" {
			in[visit.Stage]++
		}
		timeline, err := e.Timeline(ctx, id, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		lives := threads(id, timeline)
		for _, life := range lives {
			for _, entry := range life.entries {
				for i := range entry.Facts {
					f := &entry.Facts[i]
					if f.Journey != "life" {
						continue
					}
					day := insight.DateOf(f.At)
					if days[day] == nil {
						days[day] = newRecount()
					}
					all.count(f, life.since)
					days[day].count(f, life.since)
					switch f.Kind {
					case lifecycle.FactEntered:
						life.since, life.stage = f.At, f.To
					case lifecycle.FactPlaced: // taken over from the one who was there last
						life.since, life.stage = time.Time{}, f.To
						for _, other := range lives {
							if other.of != life.of && other.stage == f.To && other.since.After(life.since) {
								life.since = other.since
							}
						}
					case lifecycle.FactExited:
						life.stage = ""
					}
				}
			}
		}
	}

	j, err := figures.Journey(ctx, "life")
	if err != nil {
		t.Fatal(err)
	}
	all.compare(t, "all time", j)
	equalCounts(t, "in", j.In, in)
	report, err := figures.Report(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if report.Customers != int64(len(customers)) {
		t.Errorf("%d customers, but there are %d", report.Customers, len(customers))
	}
	counted, err := figures.Days(ctx, "life", insight.DateOf(start), insight.DateOf(now))
	if err != nil {
		t.Fatal(err)
	}
	sum := insight.NewJourney()
	for i := range counted {
		one := insight.NewJourney()
		counted[i].AddTo(one)
		counted[i].AddTo(sum)
		want := days[counted[i].Date]
		if want == nil {
			want = newRecount()
		}
		want.compare(t, counted[i].Date.String(), one)
		delete(days, counted[i].Date)
	}
	for day, rest := range days {
		rest.compare(t, day.String(), insight.NewJourney())
	}
	equalCounts(t, "the sum of all days", sum.In, in)
	if len(all.moves) < 5 || len(all.refused) < 2 || len(all.exited) < 2 || len(counted) < 20 || len(all.heldGoals) == 0 || len(j.Placed) == 0 {
		t.Errorf("too little happened: %d kinds of moves, %d refused, %d exits, %d placed, %d days", len(all.moves), len(all.refused),
			len(all.exited), len(j.Placed), len(counted))
	}
}

// The report over HTTP: all time, some days, as a table, and what it refuses.
func TestFiguresOverHTTP(t *testing.T) {
	s := startServer(t)
	for _, user := range []string{"lan", "an", "an"} {
		s.track(user, "Order Completed")
	}
	const path = "/v1/journeys/customer-lifecycle/figures"
	type report struct {
		Customers, Entered int64
		Today              string
		Stages             []struct {
			Name                              string
			Customers, Entered, Left, Forward int64
			Converted                         int64
			Stayed                            struct {
				Count int64
				P50   float64
			}
		}
		Moves []struct {
			From, To, Direction string
			Count               int64
		}
		Days []struct {
			Day     string
			Entered []int64
			Net     []int64
		}
	}
	read := func(query string) (r report) {
		if err := json.Unmarshal([]byte(s.must("GET", path+query, nil)), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	all := read("")
	if all.Customers != 2 || all.Entered != 2 || len(all.Stages) != 4 || len(all.Days) == 0 {
		t.Fatalf("%+v", all)
	}
	if single := all.Stages[1]; single.Entered != 2 || single.Left != 1 || single.Forward != 1 || single.Customers != 1 || single.Converted != 1 || single.Stayed.Count != 1 {
		t.Errorf("%+v", single)
	}
	first := all.Moves[0]
	if first.From != "" || first.To != "member" || first.Direction != "in" || first.Count != 2 {
		t.Errorf("%+v", all.Moves)
	}
	if days := read("?from=" + all.Days[0].Day + "&to=" + all.Today); days.Entered != 2 || days.Stages[1].Entered != 2 {
		t.Errorf("%+v", days)
	}
	if past := read("?to=2020-01-31"); past.Entered != 0 || past.Customers != 2 || len(past.Days) != 0 {
		t.Errorf("%+v", past)
	}
	s.setMode("brand-lifecycle", lifecycle.Shadow) // nothing happened in it yet
	for query, want := range map[string]string{
		"?days=total":         "\n,single-purchase,2,1,1,0,0,1,0,0,0,1,",
		"":                    "\n" + all.Days[len(all.Days)-1].Day + ",",
		"?by=move&days=total": "\n,member,single-purchase,forward,2,0,0,2,",
	} {
		if text := s.must("GET", path+".csv"+query, nil); !strings.Contains(text, want) {
			t.Errorf("%s: no %q in\n%s", query, want, text)
		}
	}
	for _, query := range []string{"?from=today", "?from=2026-02-30", "?from=2026-02-02&to=2026-02-01"} {
		if status, text, _ := s.call("GET", path+query, nil); status != 400 {
			t.Errorf("%s: %d %s", query, status, text)
		}
	}
	if status, _, _ := s.call("GET", "/v1/journeys/nowhere/figures", nil); status != 404 {
		t.Errorf("a journey that is not there: %d", status)
	}
	if status, _, _ := s.call("GET", path+".csv?by=customer", nil); status != 400 {
		t.Errorf("a table by something else: %d", status)
	}
}
