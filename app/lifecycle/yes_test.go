package lifecycle_test

import (
	"encoding/json"
	"testing"

	"stagecraft/app/lifecycle"
)

// A yes and a no to opting out are known as other programs write them; nothing is guessed of any other value.
func TestOptOutValues(t *testing.T) {
	for in, want := range map[string]string{
		`true`: `true`, `"true"`: `true`, `"Yes"`: `true`, `"y"`: `true`, `"on"`: `true`, `"1"`: `true`, `1`: `true`, `1.0`: `true`, `" yes "`: `true`,
		`"unsubscribed"`: `true`, `"Opted-Out"`: `true`,
		`false`: `false`, `"false"`: `false`, `"NO"`: `false`, `0`: `false`, `"0"`: `false`, `"subscribed"`: `false`,
		`null`: `null`, `""`: `""`, `2`: `2`, `"perhaps"`: `"perhaps"`, `["yes"]`: `["yes"]`, `{"is":true}`: `{"is":true}`,
	} {
		if got := lifecycle.OptOutValue(json.RawMessage(in)); string(got) != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}
