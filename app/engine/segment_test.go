package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// segments makes a source from names and what their predicates return.
func segments(files ...string) script.Source {
	source := script.Source{Name: script.SegmentsFolder, Files: map[string][]byte{}}
	for i := 0; i+1 < len(files); i += 2 {
		source.Files[files[i]+".lua"] = []byte("segment { title = \"" + files[i] + "\" }\nmember(function(customer) return " + files[i+1] + " end)\n")
	}
	return source
}

func (h *harness) segments(files ...string) {
	h.t.Helper()
	if err := h.engine.PublishSegments(context.Background(), segments(files...)); err != nil {
		h.t.Fatal(err)
	}
}

// members returns who is in a segment, by user ID.
func (h *harness) members(segment string) string {
	h.t.Helper()
	var names []string
	list, _, err := h.engine.Members(context.Background(), segment, engine.MemberCursor{}, 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, c := range list {
		names = append(names, c.UserID())
	}
	state, err := h.engine.Segments(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, one := range state.Segments {
		if one.Name == segment && one.Members != int64(len(list)) {
			h.t.Errorf("%s counts %d members and lists %d", segment, one.Members, len(list))
		}
	}
	return strings.Join(names, " ")
}

// pass lets time pass, and fires what is due by then of those who are named.
func (h *harness) pass(d time.Duration, users ...string) {
	h.t.Helper()
	h.clock.Advance(d)
	for _, user := range append(users, "ann") {
		id := lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash()
		if err := h.engine.FireAt(context.Background(), id, h.clock.Now()); err != nil {
			h.t.Fatal(err)
		}
	}
}

// told returns what was said of segments, a line each.
func (h *harness) told() string {
	var lines []string
	for _, line := range strings.Split(h.book.text(), "\n") {
		if strings.Contains(line, " segment ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func (h *harness) told1(want string) {
	h.t.Helper()
	if got := h.told(); got != dedent(strings.TrimSpace(want)) {
		h.t.Errorf("told of segments\n got:\n%s\nwant:\n%s", got, dedent(strings.TrimSpace(want)))
	}
}

func TestSegmentFollowsEventsAndTime(t *testing.T) {
	h := newHarness(t)
	h.segments("buyers", `count("Order Completed", "30 days") >= 2`, "quiet", `count("Order Completed", "10 days") == 0`)
	h.receive(h.event("ann", "Order Completed"))
	h.told1("")
	h.pass(5 * 24 * time.Hour)
	h.receive(h.event("ann", "Order Completed"))
	h.pass(60 * 24 * time.Hour)
	h.told1(`
		5 segment entered buyers
		15 segment entered quiet
		30 segment left buyers`)
	if got := h.members("quiet"); got != "ann" {
		t.Errorf("quiet has %q", got)
	}
}

// Names that begin alike are in another order as files than as names.
func TestSegmentsOfNamesThatBeginAlike(t *testing.T) {
	h := newHarness(t)
	h.segments("pro", `customer.plan == "pro"`, "pro-recent", `in_segment "pro" and in_segment "recent"`, "recent", `count("Order Completed", "30 days") >= 1`)
	h.identify("ann", "", `{"plan":"pro"}`)
	h.receive(h.event("ann", "Order Completed"))
	h.pass(31 * 24 * time.Hour)
	h.told1(`
		0 segment entered pro
		0 segment entered recent
		0 segment entered pro-recent
		30 segment left recent
		30 segment left pro-recent`)
	if got := h.members("pro"); got != "ann" {
		t.Errorf("pro has %q", got)
	}
}

func TestSegmentTimerComesWhenTheAnswerChangesOnly(t *testing.T) {
	h := newHarness(t)
	h.segments("many", `count("Page Viewed", "10 days") >= 3`)
	h.receive(h.event("ann", "Page Viewed"))
	h.pass(24 * time.Hour)
	h.receive(h.event("ann", "Page Viewed"))
	if due := h.customer("ann").SegmentsDue; !due.IsZero() {
		t.Errorf("a timer is armed for %v, but two never become three by waiting", due)
	}
	h.receive(h.event("ann", "Page Viewed"))
	if due := h.customer("ann").SegmentsDue; !due.Equal(start.Add(10 * 24 * time.Hour)) {
		t.Errorf("a timer is armed for %v", due)
	}
}

func TestSegmentEventsReachScripts(t *testing.T) {
	h := newHarness(t, journey("life", `journey { stages = { "a", "b" }, moves = { a = { "b" } } }`, "a", `
		on("Segment Entered", function(customer, event)
			log(event.properties.segment, event.properties.title)
			move "b"
		end)`, "b", ``))
	h.segments("vip", `customer.plan == "pro" and in_segment "known"`, "known", `customer.email ~= nil`)
	h.receive(lifecycle.Event{Type: lifecycle.Identify, UserID: "ann", Traits: []byte(`{"plan":"pro"}`), MessageID: "1"})
	h.receive(lifecycle.Event{Type: lifecycle.Identify, UserID: "ann", Traits: []byte(`{"email":"a@example.com"}`), MessageID: "2"})
	if got := h.book.text(); !strings.Contains(got, "log life/a known known") || !strings.Contains(got, "moved life/a>b") {
		t.Errorf("the script did not hear of it:\n%s", got)
	}
	h.told1(`
		0 segment entered known
		0 segment entered vip`)
}

func TestSegmentsStageScoreTagAndMessages(t *testing.T) {
	h := newHarness(t, journey("life", `journey { stages = { "a", "b" }, moves = { a = { "b" } } }`, "a", `
		enter(function(customer) send "hello" end)
		on("Go", function(customer) score(100, { half_life = "10 days" }) tag "hot" move "b" end)`, "b", ``))
	h.segments("in-b", `stage "life" == "b"`, "long", `in_stage_for("life", "3 days", "b")`, "hot", `customer.tags.hot == true`,
		"scored", `score_at_least(50)`, "written", `sent("hello", "5 days")`, "any", `sent(nil, "5 days")`)
	h.receive(h.event("ann", "Go"))
	h.pass(30 * 24 * time.Hour)
	got := h.told()
	for _, want := range []string{"0 segment entered in-b", "0 segment entered hot", "0 segment entered scored", "0 segment entered written", "0 segment entered any",
		"3 segment entered long", "5 segment left written", "5 segment left any", "10 segment left scored"} {
		if !strings.Contains(got+"\n", want+"\n") {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
}

func TestSegmentPublishedLaterPlacesQuietly(t *testing.T) {
	h := newHarness(t)
	for i := range 200 {
		h.receive(h.event(fmt.Sprintf("u%d", i), "Order Completed", "total", i))
	}
	h.segments("big", `sum("Order Completed", "total", "90 days") >= 100`)
	h.eventually(func() bool {
		state, err := h.engine.Segments(context.Background())
		return err == nil && !state.Walking && len(state.Segments) == 1 && state.Segments[0].Members == 100
	})
	h.told1("")
	// A further segment leaves the first one as it is; a changed one is placed anew; one that is gone has no list.
	h.segments("big", `sum("Order Completed", "total", "90 days") >= 150`, "all", `true`)
	h.eventually(func() bool {
		state, err := h.engine.Segments(context.Background())
		return err == nil && !state.Walking && len(state.Segments) == 2 && state.Segments[0].Members == 200 && state.Segments[1].Members == 50
	})
	h.told1("")
	h.restart()
	h.pass(91 * 24 * time.Hour)
	h.eventually(func() bool {
		state, err := h.engine.Segments(context.Background())
		return err == nil && state.Segments[1].Members == 0
	})
	if got := h.members("big"); got != "" {
		t.Errorf("members: %q", got)
	}
	h.segments()
	h.eventually(func() bool {
		state, err := h.engine.Segments(context.Background())
		return err == nil && !state.Walking && len(state.Segments) == 0
	})
}

// A segment that never ends is asked of some, not of everybody; the others go on, and so does it when it is mended.
func TestASegmentThatDoesTooMuchWorkIsLeft(t *testing.T) {
	h := newHarness(t)
	for i := range 100 {
		h.identify(fmt.Sprintf("u%d", i), "", fmt.Sprintf(`{"n":%d}`, i))
	}
	state := func() engine.SegmentsState {
		h.t.Helper()
		state, err := h.engine.Segments(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	h.segments("endless", `customer.n >= 0 and (function() local t = {} for i = 1, 1e9 do t[i] = i end end)()`, "high", `customer.n >= 40`)
	h.eventually(func() bool { return !state().Walking })
	now := state().Segments
	if now[1].Members != 60 || now[1].Failure != nil {
		t.Errorf("the sound one has %d members, %+v", now[1].Members, now[1].Failure)
	}
	if failure := now[0].Failure; failure == nil || !strings.Contains(failure.Message, "20 times in a row") || failure.File != "segments/endless.lua" || failure.Line != 2 {
		t.Errorf("the broken one says %+v", failure)
	}
	h.segments("endless", `customer.n >= 90`, "high", `customer.n >= 40`)
	h.eventually(func() bool { return !state().Walking && state().Segments[0].Members == 10 })
}

// One step of asking everybody ends when enough work was done, and the next one goes on there.
func TestAWalkIsBoundedByWork(t *testing.T) {
	h := newHarness(t)
	h.store.StopOwning() // nobody else walks
	partition, users := 7, 0
	for n := 0; users < 10; n++ {
		if user := fmt.Sprintf("u%d", n); (lifecycle.Identity{Kind: lifecycle.UserID, Value: user}).Hash().Partition() == partition {
			h.identify(user, "", fmt.Sprintf(`{"n":%d}`, n))
			users++
		}
	}
	h.segments("dear", `customer.n >= 0 and (function() local n = 0 for i = 1, 10000 do n = n + i end return true end)()`)
	walked := 0
	for more := true; more; walked++ {
		answer, err := h.store.Do(context.Background(), partition, engine.WalkSegments(25, 30_000, h.clock.Now()))
		if err != nil || walked > users {
			t.Fatal(walked, err)
		}
		more = answer.(bool)
	}
	if state, err := h.engine.Segments(context.Background()); err != nil || state.Segments[0].Members != int64(users) || walked < 3 || walked > users {
		t.Errorf("after %d steps of walking there are %+v, %v", walked, state.Segments, err)
	}
}

func TestSegmentsAreReassessedAtAMerge(t *testing.T) {
	h := newHarness(t)
	h.segments("buyers", `count("Order Completed", "30 days") >= 2`)
	h.receive(h.event("ann", "Order Completed"))
	anonymous := h.event("", "Order Completed")
	anonymous.AnonymousID = "cookie"
	h.receive(anonymous)
	h.receive(lifecycle.Event{Type: lifecycle.Identify, UserID: "ann", AnonymousID: "cookie", MessageID: "join"})
	h.eventually(func() bool { return h.members("buyers") == "ann" })
	if !strings.Contains(h.told(), "segment entered buyers merged") {
		t.Errorf("told:\n%s", h.told())
	}
}

func TestTestPeopleAreNoMembers(t *testing.T) {
	h := newHarness(t)
	h.segments("all", `true`)
	h.receive(h.event("ann", "Hello"))
	h.receive(h.event("bob", "Hello"))
	if err := h.engine.SetTest(context.Background(), h.customer("bob").ID, true); err != nil {
		t.Fatal(err)
	}
	if got := h.members("all"); got != "ann" {
		t.Errorf("members: %q", got)
	}
	if err := h.engine.SetTest(context.Background(), h.customer("bob").ID, false); err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(h.members("all")); len(got) != 2 {
		t.Errorf("members: %q", got)
	}
}

func TestAFailingSegmentChangesNobody(t *testing.T) {
	h := newHarness(t)
	h.segments("broken", `customer.age > 18`)
	h.receive(h.event("ann", "Hello"))
	state, err := h.engine.Segments(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if failure := state.Segments[0].Failure; failure == nil || failure.Line != 2 || failure.File != "segments/broken.lua" {
		t.Errorf("failure: %+v", failure)
	}
	h.receive(lifecycle.Event{Type: lifecycle.Identify, UserID: "ann", Traits: []byte(`{"age":20}`), MessageID: "1"})
	if got := h.members("broken"); got != "ann" {
		t.Errorf("members: %q", got)
	}
}
