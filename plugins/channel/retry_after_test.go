package channel_test

import (
	"testing"
	"time"

	"stagecraft/plugins/channel"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "30": 30 * time.Second, " 30 ": 30 * time.Second, "-5": 0, "90000": 24 * time.Hour, "99999999999999999999": 24 * time.Hour, "+5": 0, "1.5": 0,
		"Sun, 01 Mar 2026 12:02:00 GMT": 2 * time.Minute, "Sun, 01 Mar 2026 11:00:00 GMT": 0, "Mon, 01 Mar 2027 12:00:00 GMT": 24 * time.Hour,
	} {
		if got := channel.RetryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, text := range []string{"", "30", "-1", "90000", "Sun, 01 Mar 2026 12:02:00 GMT"} {
		f.Add(text)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if got := channel.RetryAfter(text, now); got < 0 || got > 24*time.Hour {
			t.Errorf("%q: %v", text, got)
		}
	})
}
