package insight_test

import (
	"testing"

	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What failed of a broadcast is counted by its reasons, which name no customer: what is said of many is one reason.
func TestReasonsOfFailures(t *testing.T) {
	l := newLedger(t)
	name := lifecycle.BroadcastPrefix + "spring"
	for _, reason := range []string{"the gateway answered 404", "the gateway answered 404", "550 5.1.1 <ada@example.com>: no such user", "550 5.1.1 <ben@example.com>: no such user",
		"refused: +84901234567 is not a subscriber", "refused: +84907654321 is not a subscriber"} {
		l.do(func(tx store.Tx) {
			l.insight.Fold(tx, &lifecycle.Decision{Facts: []lifecycle.Fact{{Kind: lifecycle.FactSettled, Journey: name, Name: "a",
				From: string(lifecycle.Queued), To: string(lifecycle.Failed), Reason: reason}}})
		})
	}
	j, err := l.insight.Journey(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	failed := string(lifecycle.Failed)
	same(t, "reasons", j.Reasons, map[insight.Reason]int64{{Message: "a", State: failed, Reason: "the gateway answered 404"}: 2,
		{Message: "a", State: failed, Reason: "550 5.1.1 … no such user"}: 2, {Message: "a", State: failed, Reason: "refused: … is not a subscriber"}: 2})
}
