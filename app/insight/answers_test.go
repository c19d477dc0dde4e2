package insight_test

import (
	"testing"

	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
)

// What came back of messages stands beside their states, at the line and at the message; the states stay what they were.
func TestAnswersByLine(t *testing.T) {
	l := newLedger(t)
	answered := func(version string, line int, names ...string) {
		for _, name := range names {
			fact := at(lifecycle.FactReceipt, version, "j/a.lua", line)
			fact.To = name
			l.fold(fact)
		}
	}
	for range 2 {
		sent := at(lifecycle.FactMessage, "v1", "j/a.lua", 4)
		sent.Reason = "queued"
		left := at(lifecycle.FactSettled, "v1", "j/a.lua", 4)
		left.From, left.To = "queued", "accepted"
		l.fold(sent, left)
	}
	answered("v1", 4, "delivered", "opened", "clicked", "opened", "converted")
	answered("v2", 6, "bounced", "complained", "replied", "admired")
	j := l.journey()
	same(t, "line 4", j.Lines[insight.Line{Version: "v1", File: "j/a.lua", Line: 4}].Sent,
		map[string]int64{"decided": 2, "accepted": 2, "delivered": 1, "opened": 2, "clicked": 1, "converted": 1})
	same(t, "line 6", j.Lines[insight.Line{Version: "v2", File: "j/a.lua", Line: 6}].Sent,
		map[string]int64{"bounced": 1, "complained": 1, "replied": 1})
	same(t, "thank-you", j.Messages["thank-you"], map[string]int64{"decided": 2, "accepted": 2, "delivered": 1, "opened": 2, "clicked": 1,
		"converted": 1, "bounced": 1, "complained": 1, "replied": 1})
}
