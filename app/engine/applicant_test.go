package engine_test

import (
	"context"
	"encoding/json"
	"testing"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/scripts"
)

// TestAnApplicantIsNobody sends a form whose address is still to be confirmed, and asks everywhere where customers are.
func TestAnApplicantIsNobody(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	ctx := context.Background()
	h.segments("reachable", "customer.email ~= nil", "all", "true")
	h.track("ann", "Visit")
	forms, err := script.New(script.Limits{}).ReadForms(scripts.Files)
	if err != nil {
		t.Fatal(err)
	}
	applicant := lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "applicant:someone"}
	a := engine.Application{ID: lifecycle.HashID("application"), Form: "newsletter",
		Event: lifecycle.Event{AnonymousID: "subscriber", MessageID: "m", Traits: json.RawMessage(`{"email":"bob@example.com"}`)}}
	q := engine.Question{Messages: forms.Messages, Name: "confirm", Title: "Letters", URL: "https://shop.example/y/1"}
	if err = h.engine.TakeApplication(ctx, a, applicant.Value, "bob@example.com", "en", q); err != nil {
		t.Fatal(err)
	}
	h.segments("reachable", "customer.email ~= nil", "all", "true", "late", "true")
	h.quiet()
	h.eventually(func() bool {
		state, err := h.engine.Segments(ctx)
		return err == nil && !state.Walking
	})
	if reachable, all, late := h.members("reachable"), h.members("all"), h.members("late"); reachable != "" || all != "ann" || late != "ann" {
		t.Errorf("members: %q, %q, %q", reachable, all, late)
	}
	exported := 0
	for p := range lifecycle.Partitions {
		page, err := h.engine.ExportCustomers(ctx, p, nil, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		exported += len(page.Customers)
	}
	if exported != 1 {
		t.Errorf("%d customers in the export", exported)
	}
	if listed, _, err := h.engine.Customers(ctx, engine.MemberCursor{}, 10); err != nil || len(listed) != 1 {
		t.Errorf("%d customers in the list, %v", len(listed), err)
	}
	if newest, err := h.engine.NewestCustomers(ctx, 10); err != nil || len(newest) != 1 {
		t.Errorf("%d new customers, %v", len(newest), err)
	}
	b := engine.Bulk{Name: "all", Act: engine.ActPlace, Journey: "shop", To: "b", Audience: engine.Audience{Everybody: true}}
	if ahead, err := h.engine.BulkAhead(ctx, b); err != nil || ahead.Matched != 1 {
		t.Errorf("a bulk reaches %+v, %v", ahead, err)
	}
	changed, err := h.engine.Change(ctx, engine.Change{Act: engine.ActEnrol, Customer: applicant.Hash(), Journey: "shop"}, "")
	if err != nil || changed.Refused == "" {
		t.Errorf("enrolled: %+v, %v", changed, err)
	}
	c, err := h.engine.Record(ctx, applicant.Hash())
	if err != nil || len(c.Visits)+len(c.Segments) != 0 || !c.Applicant() {
		t.Errorf("the applicant is %+v, %v", c, err)
	}
}
