package engine_test

import (
	"context"
	"fmt"
	"testing"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// twins makes people who were known by two names each, puts both names on a list, and lets them become one.
func (h *harness) twins(n int, list func(user string)) {
	h.t.Helper()
	for i := range n {
		old, now := fmt.Sprint("old-", i), fmt.Sprint("now-", i)
		h.track(old, "Seen")
		h.track(now, "Seen")
		list(old)
		list(now)
		h.alias(now, old, false)
	}
	for i := range n {
		h.eventually(h.same(fmt.Sprint("old-", i), fmt.Sprint("now-", i)))
	}
}

// People who have become one since are looked at ahead, once each, and counted apart in what became of the list.
func TestTheSumOfAListAfterMerges(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	b := draft("both")
	b.Audience = engine.Audience{List: true}
	h.save(b)
	bulk := engine.Bulk{Name: "both", Act: engine.ActExit, Journey: "shop", Audience: b.Audience}
	h.bulk(bulk)
	h.twins(20, func(user string) {
		h.list("both", user)
		if _, err := h.engine.AddToBulk(context.Background(), "both", []engine.Member{{UserID: user}}); err != nil {
			t.Fatal(err)
		}
	})
	ahead, err := h.engine.BroadcastAhead(context.Background(), b)
	if err != nil || ahead.Matched != 20 || ahead.Reached != 20 || !ahead.Complete {
		t.Errorf("ahead: %+v %v", ahead, err)
	}
	foreseen, err := h.engine.BulkAhead(context.Background(), bulk)
	if err != nil || foreseen.Matched != 20 || foreseen.Gone != 0 || !foreseen.Complete {
		t.Errorf("ahead of a bulk: %+v %v", foreseen, err)
	}
	if _, err := h.engine.StartBroadcast(context.Background(), "both", ""); err != nil {
		t.Fatal(err)
	}
	h.done("both")
	h.eventually(func() bool { return h.sentTo("broadcast.both")["message queued"] == 20 })
	if p := h.progress("both"); p.Listed != 40 || p.Let > 20 || p.Let+p.Had+p.Merged != 40 || p.Gone != 0 {
		t.Errorf("%+v", p)
	}
}

// Only the former name is on the list.
func TestAheadFollowsWhoWasMerged(t *testing.T) {
	h := newHarness(t)
	b := draft("former")
	b.Audience = engine.Audience{List: true}
	h.save(b)
	h.twins(10, func(user string) {
		if user[:3] == "old" {
			h.list("former", user)
		}
	})
	ahead, err := h.engine.BroadcastAhead(context.Background(), b)
	if err != nil || ahead.Looked != 10 || ahead.Reached != 10 {
		t.Errorf("ahead: %+v %v", ahead, err)
	}
}

// Two of a list who have become the same person, one of them by way of somebody else, are looked at once.
func TestAheadMeetsNobodyTwice(t *testing.T) {
	h := newHarness(t)
	// Of two the one with the smaller ID stays. The last one and who is between are of one partition, which follows by itself.
	user := func(first byte) string {
		for i := 0; ; i++ {
			if name := fmt.Sprint("u-", i); (lifecycle.Identity{Kind: lifecycle.UserID, Value: name}).Hash()[0] == first {
				return name
			}
		}
	}
	last, between, one, other := user(1), user(1+lifecycle.Partitions), user(200), user(201)
	for _, name := range []string{last, between, one, other} {
		h.track(name, "Seen")
	}
	b := draft("both")
	b.Audience = engine.Audience{List: true}
	h.save(b)
	h.list("both", one, other)
	for _, pair := range [][2]string{{between, one}, {last, between}, {last, other}} {
		h.alias(pair[0], pair[1], false)
		h.eventually(h.same(pair[0], pair[1]))
	}
	ahead, err := h.engine.BroadcastAhead(context.Background(), b)
	if err != nil || ahead.Matched != 1 || ahead.Reached != 1 || !ahead.Complete {
		t.Errorf("ahead: %+v %v", ahead, err)
	}
}

// Whoever is erased is gone from the list, and stays in its sum.
func TestTheSumOfAListAfterAnErasure(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.crowd(4)
	b := draft("listed")
	b.Audience = engine.Audience{List: true}
	h.save(b)
	h.list("listed", "c1", "c2", "c3")
	h.bulk(engine.Bulk{Name: "listed", Act: engine.ActExit, Journey: "shop", Audience: b.Audience})
	if _, err := h.engine.AddToBulk(context.Background(), "listed", []engine.Member{{UserID: "c1"}, {UserID: "c2"}, {UserID: "c3"}}); err != nil {
		t.Fatal(err)
	}
	h.eraseUser("c1")
	h.eventually(func() bool { return h.progress("listed").Gone == 1 && h.bulkProgress("listed").Gone == 1 })
	if _, err := h.engine.StartBroadcast(context.Background(), "listed", ""); err != nil {
		t.Fatal(err)
	}
	h.setBulk("listed", engine.BulkRunning)
	h.done("listed")
	h.eventually(func() bool { return h.bulkProgress("listed").Over })
	if p := h.progress("listed"); p.Listed != 3 || p.Let != 2 || p.Gone != 1 {
		t.Errorf("%+v", p)
	}
	if p := h.bulkProgress("listed"); p.Listed != 3 || p.Done != 2 || p.Gone != 1 {
		t.Errorf("%+v", p)
	}
}
