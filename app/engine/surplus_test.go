package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// Whoever became one of two has more names than their record: all of them are forgotten, and none brings another one back.
func TestErasingManyIdentities(t *testing.T) {
	h := newHarness(t)
	names := []string{"ada", "bea"}
	for _, user := range []string{"ada", "bea"} {
		for i := range 41 {
			browser := fmt.Sprint(user, "'s browser ", i)
			h.identify(user, browser, `{"plan":"pro"}`)
			names = append(names, browser)
		}
	}
	for _, user := range []string{"ada", "bea"} {
		h.eventually(func() bool { return len(h.customer(user).Identities) == 42 })
	}
	alias := h.event("ada", "")
	alias.Type, alias.Properties = lifecycle.Alias, []byte(`{"previousId":"bea"}`)
	h.receive(alias)
	h.eventually(func() bool {
		return h.customer("ada").ID == h.customer("bea").ID && len(h.customer("ada").Identities) == 64
	})
	person, err := h.engine.Person(context.Background(), h.customer("ada").ID)
	if err != nil || len(person.IDs) < len(names) {
		t.Errorf("they are known by %d IDs, %v", len(person.IDs), err)
	}
	h.eraseUser("ada")
	came := map[lifecycle.ID]string{}
	for _, name := range names {
		if !h.gone(name) {
			t.Errorf("%s is found", name)
		}
		event := h.event("", "Came Back")
		if event.AnonymousID = name; name == "ada" || name == "bea" {
			event.UserID, event.AnonymousID = name, ""
		}
		h.clock.Advance(time.Second)
		h.receive(event)
		h.eventually(func() bool { return !h.gone(name) })
		c, err := h.engine.FindCustomer(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		if other, is := came[c.ID]; is {
			t.Errorf("%s and %s are one again", name, other)
		}
		came[c.ID] = name
	}
}
