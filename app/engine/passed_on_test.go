package engine_test

import (
	"bytes"
	"fmt"
	"testing"

	"stagecraft/app/lifecycle"
)

// TestAnEventPassesThroughAPartitionTwice merges somebody with a customer elsewhere, who then becomes part of one in the first
// partition: what still comes in under the first name is passed on there and back, and is no repeat.
func TestAnEventPassesThroughAPartitionTwice(t *testing.T) {
	h := newHarness(t)
	user := func(suits func(lifecycle.ID) bool) (string, lifecycle.ID) {
		for n := 0; ; n++ {
			name := fmt.Sprint("u", n)
			if id := (lifecycle.Identity{Kind: lifecycle.UserID, Value: name}).Hash(); suits(id) {
				return name, id
			}
		}
	}
	guest := lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "guest"}.Hash()
	stays, last := user(func(id lifecycle.ID) bool { return id.Partition() == guest.Partition() })
	middle, _ := user(func(id lifecycle.ID) bool {
		return id.Partition() != guest.Partition() && bytes.Compare(id[:], last[:]) > 0
	})
	visit := h.event("", "Visit")
	visit.AnonymousID = "guest"
	h.receive(visit)
	h.track(middle, "Visit") // else the guest would be called so
	h.receive(h.says(middle, "guest", nil))
	h.quiet()
	h.track(stays, "Visit")
	h.alias(middle, stays, false)
	h.quiet()
	h.eventually(h.same(middle, stays))
	order := h.event("", "Order")
	order.AnonymousID = "guest"
	h.receive(order, order)
	h.quiet()
	if found := times(h.timelineOf(stays), "Order"); found != 1 || h.of(lifecycle.AnonymousID, "guest") != last.String() {
		t.Errorf("%d orders of the guest, who is %s and should be %s", found, h.of(lifecycle.AnonymousID, "guest"), last)
	}
}
