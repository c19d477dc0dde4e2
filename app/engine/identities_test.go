package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// says makes an identify call with traits.
func (h *harness) says(user, anonymous string, traits map[string]any) lifecycle.Event {
	event := h.event(user, "")
	event.Type, event.AnonymousID = lifecycle.Identify, anonymous
	event.Traits, _ = json.Marshal(traits)
	return event
}

func emailOf(address string) lifecycle.Identity {
	return lifecycle.Identity{Kind: lifecycle.EmailIdentity, Value: address}
}

// quiet waits until no partition has work for another one.
func (h *harness) quiet() {
	h.t.Helper()
	h.eventually(func() bool {
		pending, err := h.engine.Instructed(context.Background(), h.clock.Now().Add(time.Hour))
		return err == nil && !pending
	})
}

func (h *harness) whoHas(identity lifecycle.Identity) engine.WhoHas {
	h.t.Helper()
	who, err := h.engine.WhoHas(context.Background(), identity)
	if err != nil {
		h.t.Fatal(err)
	}
	return who
}

// Somebody who bought as a guest and registered later with the same address is one customer, whoever of both came first.
func TestAnAddressJoinsAGuestAndAUser(t *testing.T) {
	for _, guestFirst := range []bool{true, false} {
		h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() move "b" end)`, "b", `stage { title = "B" }`))
		guest, user := h.says("", "guest-1", map[string]any{"email": "Ada@Example.com"}), h.says("ada", "", map[string]any{"email": "ada@example.com "})
		order := h.event("", "Order")
		order.AnonymousID = "guest-1"
		if !guestFirst {
			h.receive(user)
			h.clock.Advance(time.Minute)
		}
		h.receive(order)
		h.clock.Advance(time.Minute)
		h.receive(guest)
		if guestFirst {
			h.receive(user)
		}
		h.quiet()
		h.eventually(func() bool { return h.of(lifecycle.AnonymousID, "guest-1") == h.of(lifecycle.UserID, "ada") })
		c := h.customer("ada")
		if !c.Named() || c.UserID() != "ada" || !c.Knows(emailOf("ada@example.com")) {
			t.Errorf("guest first %v: the user did not stay: %+v", guestFirst, c.Identities)
		}
		if v := c.Visit("j"); !guestFirst && (v == nil || v.Stage != "b") {
			t.Errorf("guest first %v: the stage of the guest is lost: %+v", guestFirst, v)
		}
		found, err := h.engine.FindCustomer(t.Context(), "ADA@example.com")
		if err != nil || found.ID != c.ID {
			t.Errorf("the address does not find the customer: %v", err)
		}
	}
}

// Two user IDs with one address stay two, until an alias call says otherwise.
func TestTwoUsersWithOneAddressStayTwo(t *testing.T) {
	h := newHarness(t)
	h.receive(h.says("ada", "", map[string]any{"email": "home@example.com", "phone": "+84 901 234 567"}))
	h.quiet() // else either may be the first
	h.receive(h.says("bob", "", map[string]any{"email": "home@example.com", "phone": "+84901234567"}))
	h.quiet()
	if h.same("ada", "bob")() {
		t.Fatal("an address joined two users")
	}
	who := h.whoHas(emailOf("home@example.com"))
	if who.Customer != h.customer("ada").ID || len(who.Others) != 1 || who.Others[0] != h.customer("bob").ID {
		t.Errorf("who has the address: %+v", who)
	}
	h.alias("bob", "ada", false)
	h.quiet()
	h.eventually(h.same("ada", "bob"))
	if who = h.whoHas(emailOf("home@example.com")); who.Customer != h.customer("ada").ID || len(who.Others) > 0 {
		t.Errorf("now that they are one it is still another's: %+v", who)
	}
}

func TestAPublicKeyJoinsNobodyByAnAddress(t *testing.T) {
	h := newHarness(t)
	h.receive(h.says("ada", "", map[string]any{"email": "ada@example.com"}))
	for _, event := range []lifecycle.Event{
		h.says("", "visitor", map[string]any{"email": "ada@example.com", "phone": "+84901234567"}),
		h.says("mallory", "", map[string]any{"email": "ada@example.com"}),
	} {
		event.Public = true
		event.Context = json.RawMessage(`{"externalIds":[{"id":"7","type":"shopify"}],"device":{"token":"abc"}}`)
		h.receive(event)
	}
	h.quiet()
	for _, other := range []string{h.of(lifecycle.AnonymousID, "visitor"), h.of(lifecycle.UserID, "mallory")} {
		if other == h.of(lifecycle.UserID, "ada") || other == "" {
			t.Error("a public key joined somebody with the owner of an address")
		}
	}
	who := h.whoHas(emailOf("ada@example.com"))
	if len(who.Unproven) != 2 || len(who.Others) != 0 {
		t.Errorf("who has the address: %+v", who)
	}
	if _, err := h.engine.FindCustomer(t.Context(), "shopify:7"); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("a public key gave somebody an ID of another system: %v", err)
	}
}

// IDs of other systems and devices lead to their customer, in the context or the properties of any call.
func TestExternalIDsAndDevices(t *testing.T) {
	h := newHarness(t)
	event := h.event("ada", "Order Completed", "externalIds", []map[string]string{{"id": "1001", "type": "Shopify", "collection": "users"}, {"id": "x", "type": "a", "collection": "accounts"}})
	event.Context = json.RawMessage(`{"device":{"token":"token-1"},"externalIds":[{"id":"c_9","type":"stripe"}]}`)
	h.receive(event)
	guest := h.event("", "Order Completed")
	guest.AnonymousID, guest.Context = "pos-4", json.RawMessage(`{"externalIds":[{"id":"1001","type":"shopify"}]}`)
	h.receive(guest)
	h.quiet()
	for _, text := range []string{"shopify:1001", "stripe:c_9", "token-1", "pos-4"} {
		found, err := h.engine.FindCustomer(t.Context(), text)
		if err != nil || found.UserID() != "ada" {
			t.Errorf("%s does not lead to the customer: %v", text, err)
		}
	}
	if _, err := h.engine.FindCustomer(t.Context(), "a:x"); err == nil {
		t.Error("the ID of an account is not one of a user")
	}
}

func TestSharedIdentitiesAreCapped(t *testing.T) {
	h := newHarness(t)
	for i := range 8 { // a kiosk: one device, many who log in there
		h.receive(h.says(fmt.Sprint("u", i), "kiosk", map[string]any{"email": "front@desk.example"}))
	}
	for i := range 4 {
		h.receive(h.says("", fmt.Sprint("try", i), map[string]any{"email": "test@test.com"}))
		h.receive(h.says("null", fmt.Sprint("lost", i), nil))
	}
	h.quiet()
	ids := map[string]bool{}
	for i := range 8 {
		ids[h.of(lifecycle.UserID, fmt.Sprint("u", i))] = true
	}
	for i := range 4 {
		ids[h.of(lifecycle.AnonymousID, fmt.Sprint("try", i))] = true
	}
	if len(ids) != 12 {
		t.Errorf("people were joined: there are %d of 12", len(ids))
	}
	list, _, err := h.engine.Suspicions(t.Context(), nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, s := range list {
		kinds = append(kinds, string(s.Identity.Kind)+" "+s.Identity.Value)
	}
	slices.Sort(kinds)
	if want := []string{"anonymous kiosk", "email front@desk.example", "email test@test.com", "user null"}; !slices.Equal(kinds, want) {
		t.Errorf("suspicious are %q, want %q", kinds, want)
	}
	if h.engine.Suspected() != 4 || strings.Count(h.logs.String(), "shared by several people") != 1 {
		t.Errorf("of %d the log says\n%s", h.engine.Suspected(), h.logs.String())
	}
	// After a person has looked at it, a guest may be joined by it again.
	if err = h.engine.Forgive(t.Context(), emailOf("front@desk.example")); err != nil {
		t.Fatal(err)
	}
	h.receive(h.says("", "guest", map[string]any{"email": "front@desk.example"}))
	h.quiet()
	h.eventually(func() bool { return h.of(lifecycle.AnonymousID, "guest") == h.of(lifecycle.UserID, "u0") })
}

// Who is recognised by an address at once counts as one who is joined by it.
func TestAnAddressByWhichManyAreRecognisedIsCapped(t *testing.T) {
	h := newHarness(t)
	ids := map[string]int{}
	for i := range 60 {
		name := fmt.Sprint("visitor", i)
		h.receive(h.says("", name, map[string]any{"email": "front@desk.example"}))
		h.quiet()
		ids[h.of(lifecycle.AnonymousID, name)]++
	}
	if len(ids) != 10 || ids[h.of(lifecycle.AnonymousID, "visitor0")] != 51 {
		t.Errorf("of 60 there are %d, and one of them has %d names", len(ids), ids[h.of(lifecycle.AnonymousID, "visitor0")])
	}
	list, _, err := h.engine.Suspicions(t.Context(), nil, 10)
	if err != nil || len(list) != 1 || list[0].Identity != emailOf("front@desk.example") || list[0].Customers < 50 || list[0].Customer.IsZero() {
		t.Errorf("suspicious are %+v, %v", list, err)
	}
}

// A guest is joined no more by an address that is shared by too many.
func TestACappedIdentityJoinsNobody(t *testing.T) {
	h := newHarness(t)
	for i := range 6 {
		h.receive(h.says(fmt.Sprint("u", i), "", map[string]any{"email": "front@desk.example"}))
	}
	h.quiet()
	h.receive(h.says("", "guest", map[string]any{"email": "front@desk.example"}))
	h.quiet()
	if h.of(lifecycle.AnonymousID, "guest") == h.of(lifecycle.UserID, "u0") {
		t.Error("a capped address still joins")
	}
}

func TestADeadAddressIsDeadForEverybody(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() send "hello" end)
on("Gift", function() set("email", "hello@example.com") end)`, "b", `stage { title = "B" }`))
	const address = "hello@example.com" // where the book says that messages named hello went
	h.receive(h.says("ada", "", map[string]any{"email": address}))
	h.receive(h.says("bob", "", map[string]any{"email": "Hello@example.com"}))
	public := h.says("", "visitor", map[string]any{"email": address})
	public.Public = true
	h.receive(public)
	h.quiet()
	h.track("ada", "Order")
	m := h.book.message("hello")
	h.book.settle(m.ID, lifecycle.Accepted, h.clock.Now())
	h.clock.Advance(time.Minute)
	h.engine.Keep(t.Context(), []engine.Report{{Channel: "email", Message: m.Ref(), Event: "bounced", Data: map[string]string{"kind": "hard"}}})
	dead := func(id lifecycle.Identity) func() bool {
		return func() bool {
			found, err := h.engine.Customer(context.Background(), id)
			if err != nil {
				return false
			}
			s, is := found.Customer.Suppressed("email", address)
			return is && s.Reason == lifecycle.SuppressedBounce
		}
	}
	h.quiet()
	h.eventually(dead(lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}))
	h.eventually(dead(lifecycle.Identity{Kind: lifecycle.UserID, Value: "bob"}))
	h.eventually(dead(lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "visitor"}))
	// Whoever gets it later has it dead, also by a script or a public page.
	h.receive(h.says("eve", "", map[string]any{"email": address}))
	late := h.says("", "visitor-2", map[string]any{"email": address})
	late.Public = true
	h.receive(late)
	h.track("fay", "Gift")
	h.receive(h.says("null", "", map[string]any{"email": address})) // who is nobody joins nobody
	h.quiet()
	h.eventually(dead(lifecycle.Identity{Kind: lifecycle.UserID, Value: "fay"}))
	h.eventually(dead(lifecycle.Identity{Kind: lifecycle.UserID, Value: "null"}))
	h.eventually(dead(lifecycle.Identity{Kind: lifecycle.UserID, Value: "eve"}))
	h.eventually(dead(lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "visitor-2"}))
	if who := h.whoHas(emailOf(address)); len(who.Suppressed) != 1 {
		t.Errorf("the address remembers %+v", who.Suppressed)
	}
}

// The later word about a trait holds, in whichever order they come in.
func TestTheLaterWordHolds(t *testing.T) {
	h := newHarness(t)
	say := func(minute int, traits string) {
		event := h.says("ada", "", nil)
		event.Traits, event.Timestamp = json.RawMessage(traits), start.Add(time.Duration(minute)*time.Minute)
		h.receive(event)
	}
	h.clock.Advance(time.Hour)
	say(30, `{"plan":"gold","city":"Hue"}`)
	say(10, `{"plan":"free","city":null,"age":30}`)
	say(40, `{"city":null}`)
	say(20, `{"city":"Hanoi","age":31}`)
	say(900, `{"plan":"fast clock"}`) // counts as now
	h.clock.Advance(time.Minute)
	say(61, `{"plan":"silver"}`)
	c := h.customer("ada")
	if c.Trait("plan") != "silver" || c.Trait("city") != nil || c.Trait("age") != 31.0 {
		t.Errorf("got plan %v, city %v, age %v", c.Trait("plan"), c.Trait("city"), c.Trait("age"))
	}
}

// What a merged customer is owed goes on as the survivor's, once; marketing ends with them.
func TestOwedMessagesGoOn(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() send "hello" end)`, "b", `stage { title = "B" }`))
	order := h.event("", "Order")
	order.AnonymousID = "guest"
	h.receive(order)
	h.receive(h.event("ada", "Page")) // else the guest would be called so
	h.receive(h.says("ada", "guest", nil))
	h.quiet()
	m := h.book.message("hello")
	for range 2 { // a claim may be repeated after a crash
		if _, err := h.store.Do(t.Context(), m.Customer.Partition(), bequeath{m, h.clock.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	h.quiet()
	var owed []*lifecycle.Message
	for _, message := range h.book.all() {
		if message.Customer == h.customer("ada").ID {
			owed = append(owed, message)
		}
	}
	if len(owed) != 1 || owed[0].Name != "hello" || owed[0].State != lifecycle.Queued || owed[0].ID == m.ID {
		t.Errorf("the survivor is owed %+v", owed)
	}
}

// Whoever knows a user ID and the browser key cannot have somebody's messages sent to themselves: an address that a page
// says does not replace one that the write key said, whichever comes first.
func TestAPageReplacesNoAddress(t *testing.T) {
	for _, pageFirst := range []bool{false, true} {
		h := newHarness(t)
		page := h.says("ada", "", map[string]any{"email": "mallory@example.com", "phone": "+84900000000", "plan": "free"})
		page.Public, page.Timestamp = true, start.Add(time.Hour)
		removed := h.says("ada", "", map[string]any{"email": nil})
		removed.Public = true
		own := h.says("ada", "", map[string]any{"email": "ada@example.com", "plan": "pro"})
		own.Timestamp = start
		h.clock.Advance(2 * time.Hour)
		events := []lifecycle.Event{own, page, removed}
		if pageFirst {
			events = []lifecycle.Event{page, own, removed}
		}
		for _, event := range events {
			h.receive(event)
		}
		h.quiet()
		c := h.customer("ada")
		if c.Trait("email") != "ada@example.com" || c.Trait("plan") != "free" || c.Trait("phone") != "+84900000000" {
			t.Errorf("page first %v: %s", pageFirst, c.Traits)
		}
		again := h.says("ada", "", map[string]any{"phone": "+84911111111"})
		again.Public = true
		h.receive(again) // what only pages have said, a page may correct
		if got := h.customer("ada").Trait("phone"); got != "+84911111111" {
			t.Errorf("the telephone is %v", got)
		}
	}
}

// A form that was confirmed proves its mail address, and nothing else that was typed into it.
func TestAConfirmedFormProvesOneAddress(t *testing.T) {
	h := newHarness(t)
	h.receive(h.says("ada", "", map[string]any{"email": "ada@example.com", "phone": "+84901234567"}))
	form := h.event("", "Form Submitted", "form", "guide")
	form.AnonymousID, form.Traits = "subscriber:m", json.RawMessage(`{"email":"mallory@example.com","phone":"+84901234567"}`)
	h.receive(form)
	h.quiet()
	if owner := h.of(lifecycle.UserID, "ada"); owner == h.of(lifecycle.AnonymousID, "subscriber:m") || h.customer("ada").Trait("email") != "ada@example.com" {
		t.Error("whoever typed somebody's telephone number became them")
	}
	if who := h.whoHas(emailOf("mallory@example.com")); who.Customer.String() != h.of(lifecycle.AnonymousID, "subscriber:m") {
		t.Errorf("the confirmed address leads to %v", who.Customer)
	}
	form.AnonymousID, form.MessageID, form.Traits = "subscriber:a", "2", json.RawMessage(`{"email":"ada@example.com"}`)
	h.receive(form)
	h.quiet()
	if h.of(lifecycle.UserID, "ada") != h.of(lifecycle.AnonymousID, "subscriber:a") {
		t.Error("the owner of the address is somebody else")
	}
}

// A visitor may be called anything; a search for an address or a customer's ID finds its owner all the same.
func TestNobodyTakesTheNameOfAnother(t *testing.T) {
	h := newHarness(t)
	h.receive(h.says("ada", "", map[string]any{"email": "ada@example.com", "phone": "+84901234567"}))
	id := h.customer("ada").ID.String()
	for _, name := range []string{"ada@example.com", "+84901234567", id} {
		event := h.event("", "Seen")
		event.AnonymousID, event.Public = name, true
		h.receive(event)
	}
	user := h.event(id, "Seen")
	user.Public = true
	h.receive(user)
	h.quiet()
	for _, name := range []string{"ada@example.com", "+84901234567", id} {
		if found, err := h.engine.FindCustomer(t.Context(), name); err != nil || found.UserID() != "ada" {
			t.Errorf("%s finds somebody else: %v", name, err)
		}
	}
}

// An order that another system reports with the address of a user is that user's: no stranger enters the journeys with it.
func TestAKnownAddressIsNoStranger(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() send "hello" move "b" end)`, "b", `stage { title = "B" }
on("Order", function() set("again", 2) end)`))
	h.receive(h.says("dora", "", map[string]any{"email": "dora@example.com"}))
	h.receive(h.event("dora", "Order"))
	h.quiet()
	h.clock.Advance(time.Minute)
	for _, name := range []string{"source:shopify:78", "web-77"} {
		order := h.event("", "Order")
		order.AnonymousID, order.Context = name, []byte(`{"traits":{"email":" Dora@example.com"}}`)
		h.receive(order)
		h.quiet()
	}
	dora := h.customer("dora")
	if stage := dora.Visit("j").Stage; stage != "b" || string(dora.Traits["again"]) != "2" || len(dora.Identities) != 4 {
		t.Errorf("dora is in %s: %+v", stage, dora)
	}
	if dora, shop := h.of(lifecycle.UserID, "dora"), h.of(lifecycle.AnonymousID, "source:shopify:78"); shop != dora {
		t.Errorf("the shop's name is %s, dora %s", shop, dora)
	}
	// What comes by the new name alone is theirs too, and a page that knows the address is not believed.
	h.receive(h.says("", "web-77", map[string]any{"plan": "gold"}))
	public := h.event("", "Order")
	public.AnonymousID, public.Context, public.Public = "page-1", []byte(`{"traits":{"email":"dora@example.com"}}`), true
	h.receive(public)
	h.quiet()
	if dora = h.customer("dora"); string(dora.Traits["plan"]) != `"gold"` || len(dora.Identities) != 4 {
		t.Errorf("dora is %+v", dora)
	}
}
