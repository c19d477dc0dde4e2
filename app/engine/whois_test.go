package engine_test

import (
	"slices"
	"testing"

	"stagecraft/app/lifecycle"
)

// A customer's own ID is found by every identity that leads there, also before there is anybody.
func TestIDsOf(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }`, "b", `stage { title = "B" }`))
	ada, browser := lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}, lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "browser"}
	want := func(identity lifecycle.Identity, ids ...lifecycle.ID) bool {
		t.Helper()
		got, err := h.engine.IDsOf(t.Context(), identity)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Equal(got, ids)
	}
	if !want(ada, ada.Hash()) {
		t.Error("nobody is there yet, and the ID is another one")
	}
	event := h.event("", "Page")
	event.AnonymousID = browser.Value
	h.receive(event)
	if !want(browser, browser.Hash()) {
		t.Error("the visitor has another ID")
	}
	event = h.event("ada", "Login")
	event.AnonymousID = browser.Value
	h.receive(event)
	if !want(browser, browser.Hash(), ada.Hash()) || !want(ada, browser.Hash(), ada.Hash()) {
		t.Error("the visitor who is called ada now has another ID")
	}
}
