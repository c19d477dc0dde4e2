package engine_test

import (
	"context"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// What was answered is known for a day at least, also when midnight comes between the request and its answer; and is swept
// later.
func TestRepliesAreKeptForADay(t *testing.T) {
	h := newHarness(t)
	ctx, mark := context.Background(), lifecycle.HashID("one")
	began := engine.Reply{Sum: lifecycle.HashID("sum")}
	begin := func() *engine.Reply {
		t.Helper()
		known, err := h.engine.BeginReply(ctx, mark, began)
		if err != nil {
			t.Fatal(err)
		}
		return known
	}
	keep := func(reply engine.Reply) {
		t.Helper()
		if err := h.engine.KeepReply(ctx, mark, reply); err != nil {
			t.Fatal(err)
		}
	}
	if known := begin(); known != nil {
		t.Fatalf("%+v", known)
	}
	h.restart()
	if known := begin(); known == nil || known.Status != 0 || known.Sum != began.Sum {
		t.Fatalf("what was interrupted is known as such: %+v", known)
	}
	keep(engine.Reply{}) // it failed
	h.clock.Set(start.Truncate(24 * time.Hour).Add(24*time.Hour - time.Second))
	if known := begin(); known != nil {
		t.Fatalf("what failed may begin again: %+v", known)
	}
	h.clock.Advance(2 * time.Second) // midnight
	keep(engine.Reply{Sum: began.Sum, Status: 200, Body: []byte("done")})
	h.clock.Advance(24 * time.Hour)
	if known := begin(); known == nil || known.Status != 200 || string(known.Body) != "done" {
		t.Fatalf("a day later it is known: %+v", known)
	}
	h.clock.Advance(24 * time.Hour)
	if known := begin(); known != nil {
		t.Fatalf("two days later it is not: %+v", known)
	}
}

// What was answered may tell of somebody who is erased: it is forgotten, and not done again.
func TestRepliesAreForgotten(t *testing.T) {
	h := newHarness(t)
	ctx := context.Background()
	marks := []lifecycle.ID{lifecycle.HashID("one"), lifecycle.HashID("two"), lifecycle.HashID("three")}
	for _, mark := range marks {
		if err := h.engine.KeepReply(ctx, mark, engine.Reply{Status: 200, Body: []byte("of somebody")}); err != nil {
			t.Fatal(err)
		}
	}
	h.identify("ada", "", `{}`)
	h.eraseUser("ada")
	for _, mark := range marks {
		if known, err := h.engine.BeginReply(ctx, mark, engine.Reply{}); err != nil || known == nil || known.Status != 200 || !known.Secret || len(known.Body) > 0 {
			t.Errorf("%+v %v", known, err)
		}
	}
}

// Keys are found by ID and by name, and have a name of their own.
func TestKeysOfTheAPI(t *testing.T) {
	h := newHarness(t)
	ctx := context.Background()
	_, shop, err := lifecycle.NewAPIKey(lifecycle.APIKey{Name: "shop", Scopes: []lifecycle.Scope{lifecycle.ScopeIngest}}, start)
	if err != nil {
		t.Fatal(err)
	}
	_, twin, _ := lifecycle.NewAPIKey(lifecycle.APIKey{Name: "shop", Scopes: []lifecycle.Scope{lifecycle.ScopeRead}}, start)
	for range 2 { // it is safe to repeat
		if err = h.engine.SaveAPIKey(ctx, shop); err != nil {
			t.Fatal(err)
		}
	}
	if err = h.engine.SaveAPIKey(ctx, twin); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("a second key of the name: %v", err)
	}
	if err = h.engine.UseAPIKey(ctx, shop.Hash, start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	h.restart()
	keys, err := h.engine.APIKeys(ctx)
	if err != nil || len(keys) != 1 || keys[0].ID != shop.ID || !keys[0].Used.Equal(start.Add(time.Hour)) {
		t.Errorf("%+v %v", keys, err)
	}
	if gone, err := h.engine.DropAPIKey(ctx, "shop"); err != nil || gone.ID != shop.ID {
		t.Errorf("%+v %v", gone, err)
	}
	if _, err = h.engine.DropAPIKey(ctx, shop.ID); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("%v", err)
	}
	if err = h.engine.UseAPIKey(ctx, shop.Hash, start.Add(2*time.Hour)); err != nil { // a request of it was under way
		t.Error(err)
	}
	if keys, err = h.engine.APIKeys(ctx); err != nil || len(keys) != 0 {
		t.Errorf("%+v %v", keys, err)
	}
}
