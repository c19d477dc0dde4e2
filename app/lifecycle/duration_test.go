package lifecycle_test

import (
	"strconv"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

func TestDurationsAreReadAsPeopleWriteThem(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"3 days": 3 * day, "2 weeks": 14 * day, "PT36H": 36 * time.Hour, "1 day 12 hours": 36 * time.Hour, "90 minutes": 90 * time.Minute, "1.5 hours": 90 * time.Minute,
		"1 week, 1 day": 8 * day, "p1dT2h": 26 * time.Hour, "P2W": 14 * day, "0 days": 0, "45s": 45 * time.Second, " 1h ": time.Hour, "3650 days": lifecycle.MaxDuration,
	} {
		if got, err := lifecycle.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "days", "3", "3 dayz", "1 month", "1 year", "-3 days", "P1M", "P", "PT", "1h2", "3651 days", "1e9 days", ".5 days", "1..5 days", "P1Y", "PT1D", "∞ days"} {
		if got, err := lifecycle.ParseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// Whatever is read as a duration lies between nothing and ten years, and reads the same when written in seconds.
func FuzzDuration(f *testing.F) {
	for _, text := range []string{"3 days", "PT36H", "1.5 hours 3s", "P1DT0.5S", "9999999999999999999999 s", "0.0000000001 s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := lifecycle.ParseDuration(text)
		if err != nil {
			return
		}
		if d < 0 || d > lifecycle.MaxDuration {
			t.Fatalf("%q is %v", text, d)
		}
		again, err := lifecycle.ParseDuration(strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " seconds")
		if err != nil || (again-d).Abs() > time.Microsecond {
			t.Errorf("%q is %v, then %v, %v", text, d, again, err)
		}
	})
}
