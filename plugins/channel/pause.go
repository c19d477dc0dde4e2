package channel

import "time"

// Facts of a temporary receipt by which a connector keeps a message back.
const (
	// FactUntried = "1" says that the connector has not even tried: the message comes back after RetryAfter, and that was no
	// attempt. Without a wait it says that the call had more messages than could be begun in time, see Beginning.
	FactUntried = "untried"
	// FactPause says, in a sentence for people, why marketing by this channel has to stop. The host pauses it, over restarts
	// too, until a person lets it go on; what waits costs the connector nothing more. It is said once: when it
	// is given marketing again, a person has let it go on, and it counts anew.
	FactPause = "pause"
)

// Untried is the receipt of a message that the connector keeps back for a while, for a reason for people: that is no attempt.
func Untried(reason string, retryAfter time.Duration) Receipt {
	return Receipt{Outcome: Temporary, Reason: reason, RetryAfter: retryAfter, Data: map[string]string{FactUntried: "1"}}
}
