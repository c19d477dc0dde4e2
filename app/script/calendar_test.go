package script_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"stagecraft/app/script"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// next asks for the moment after now, both on the wall clock of a zone ("2025-03-29 12:00"; now may end in the name of
// the offset that is meant, as in "+0200").
func next(t testing.TB, spec, now, zoneName string) string {
	t.Helper()
	moment, err := script.ParseMoment(spec)
	if err != nil {
		t.Fatal(err)
	}
	z := zone(t, zoneName)
	at, err := time.Parse("2006-01-02 15:04 -0700", now)
	if err != nil {
		if at, err = time.ParseInLocation("2006-01-02 15:04", now, z); err != nil {
			t.Fatal(err)
		}
	}
	return moment.After(at, z).In(z).Format("Mon 2006-01-02 15:04 -0700")
}

type spring struct{ spec, now, zone, want string }

func check(t *testing.T, cases []spring) {
	t.Helper()
	for _, c := range cases {
		if got := next(t, c.spec, c.now, c.zone); got != c.want {
			t.Errorf("%q after %s in %s is %s, want %s", c.spec, c.now, c.zone, got, c.want)
		}
	}
}

func TestWaitUntilIsStrictlyAfterNow(t *testing.T) {
	check(t, []spring{
		{"09:00", "2025-03-03 08:59", "UTC", "Mon 2025-03-03 09:00 +0000"},
		{"09:00", "2025-03-03 09:00", "UTC", "Tue 2025-03-04 09:00 +0000"},
		{"9:00", "2025-03-03 09:01", "Asia/Ho_Chi_Minh", "Tue 2025-03-04 09:00 +0700"},
		{"00:00", "2025-12-31 00:00", "Asia/Kathmandu", "Thu 2026-01-01 00:00 +0545"},
		{"mon-fri 09:00", "2025-03-07 09:00", "UTC", "Mon 2025-03-10 09:00 +0000"},
		{"mon-fri 09:00", "2025-03-07 08:00", "UTC", "Fri 2025-03-07 09:00 +0000"},
		{"sat 10:30", "2025-03-08 10:30", "UTC", "Sat 2025-03-15 10:30 +0000"},
		{"Mon, Wed 08:00", "2025-03-03 08:00", "UTC", "Wed 2025-03-05 08:00 +0000"},
		{"saturday-monday 23:59", "2025-03-05 12:00", "UTC", "Sat 2025-03-08 23:59 +0000"},
		{"fri-mon,wed 12:00", "2025-03-04 12:00", "UTC", "Wed 2025-03-05 12:00 +0000"},
	})
}

func TestNineOClockIsNineOClockOverTheSpringChange(t *testing.T) {
	check(t, []spring{
		{"09:00", "2025-03-29 09:00", "Europe/Berlin", "Sun 2025-03-30 09:00 +0200"}, // 23 hours
		{"09:00", "2025-10-25 09:00", "Europe/Berlin", "Sun 2025-10-26 09:00 +0100"}, // 25 hours
		{"09:00", "2025-03-08 12:00", "America/New_York", "Sun 2025-03-09 09:00 -0400"},
		{"mon-fri 09:00", "2025-03-28 12:00", "Europe/Berlin", "Mon 2025-03-31 09:00 +0200"},
		{"09:00", "2025-04-05 12:00", "Australia/Lord_Howe", "Sun 2025-04-06 09:00 +1030"}, // half an hour
	})
	p := compile(t, journey(`enter(function() wait_until "09:00" log("awake") end)`))
	berlin := zone(t, "Europe/Berlin")
	r, err := p.Run(script.Call{Handler: "one.lua#1", Customer: customer(), Now: time.Date(2025, 3, 29, 9, 0, 0, 0, berlin), Zone: berlin})
	if want := time.Date(2025, 3, 30, 7, 0, 0, 0, time.UTC); err != nil || !r.Waiting || !r.Until.Equal(want) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestATimeThatDoesNotExistIsTheFirstMomentAfterTheGap(t *testing.T) {
	check(t, []spring{
		{"02:30", "2025-03-29 12:00", "Europe/Berlin", "Sun 2025-03-30 03:00 +0200"},
		{"02:00", "2025-03-29 12:00", "Europe/Berlin", "Sun 2025-03-30 03:00 +0200"},
		{"03:00", "2025-03-29 12:00", "Europe/Berlin", "Sun 2025-03-30 03:00 +0200"},
		{"02:30", "2025-03-08 12:00", "America/New_York", "Sun 2025-03-09 03:00 -0400"},
		{"00:00", "2018-11-03 12:00", "America/Sao_Paulo", "Sun 2018-11-04 01:00 -0200"}, // the day began at one
		{"00:30", "2018-11-03 23:59", "America/Sao_Paulo", "Sun 2018-11-04 01:00 -0200"},
		{"02:15", "2025-10-04 12:00", "Australia/Lord_Howe", "Sun 2025-10-05 02:30 +1100"},
		{"12:00", "2011-12-29 12:00", "Pacific/Apia", "Sat 2011-12-31 00:00 +1400"}, // a day that never was
		{"02:30", "2025-03-30 03:00", "Europe/Berlin", "Mon 2025-03-31 02:30 +0200"},
	})
}

func TestATimeThatExistsTwiceIsTheFirst(t *testing.T) {
	check(t, []spring{
		{"02:30", "2025-10-25 12:00", "Europe/Berlin", "Sun 2025-10-26 02:30 +0200"},
		{"02:00", "2025-10-25 12:00", "Europe/Berlin", "Sun 2025-10-26 02:00 +0200"},
		{"03:00", "2025-10-25 12:00", "Europe/Berlin", "Sun 2025-10-26 03:00 +0100"},
		{"01:30", "2025-11-01 12:00", "America/New_York", "Sun 2025-11-02 01:30 -0400"},
		{"01:45", "2025-04-05 12:00", "Australia/Lord_Howe", "Sun 2025-04-06 01:45 +1100"},
		{"02:30", "2025-10-26 02:45 +0200", "Europe/Berlin", "Mon 2025-10-27 02:30 +0100"}, // between the two
	})
}

func TestADayIs24Hours(t *testing.T) {
	p := compile(t, journey(`enter(function() wait "1 day" end) on("x", function() wait "2 weeks" end)`))
	berlin := zone(t, "Europe/Berlin")
	eve := time.Date(2025, 3, 29, 9, 0, 0, 0, berlin)
	for handler, want := range map[string]time.Duration{"one.lua#1": 24 * time.Hour, "one.lua#2": 336 * time.Hour} {
		r, err := p.Run(script.Call{Handler: handler, Customer: customer(), Now: eve, Zone: berlin})
		if err != nil || r.Until.Sub(eve) != want {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

func TestAMomentOfADay(t *testing.T) {
	moment, err := script.ParseMoment("2026-06-01 09:00")
	if err != nil {
		t.Fatal(err)
	}
	saigon, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 6, 1, 2, 0, 0, 0, time.UTC)
	for _, now := range []time.Time{at.Add(-40 * 24 * time.Hour), at.Add(-time.Second)} {
		if got := moment.After(now, saigon); !got.Equal(at) {
			t.Errorf("after %v: %v", now, got)
		}
	}
	if late := at.Add(time.Hour); !moment.After(late, saigon).Equal(late) {
		t.Error("a moment that has passed is not now")
	}
	for _, wrong := range []string{"2026-06-31 09:00", "2026-06-01 mon 09:00", "2026-6-1 09:00"} {
		if _, err := script.ParseMoment(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestBadMoments(t *testing.T) {
	for _, spec := range []string{"", " ", "9", "24:00", "09:60", "9:0", "009:00", "+9:00", "-1:00", "09:00:00", "noon", "mon", "mon-fri", "funday 09:00",
		"mon- 09:00", "-mon 09:00", "mon,,tue 09:00", "mon--fri 09:00", "09:00 mon", "TZ=UTC 09:00", "mon-tue-wed 09:00", strings.Repeat("mon,", 40) + "mon 09:00"} {
		if m, err := script.ParseMoment(spec); err == nil || len(err.Error()) > 400 {
			t.Errorf("%q is %+v, %v", spec, m, err)
		}
	}
	for _, spec := range []string{"2026-02-30 09:00", "2026-6-1 09:00", "01.06.2026 09:00"} {
		if m, err := script.ParseMoment(spec); err == nil || !strings.Contains(err.Error(), "is no date of the calendar") {
			t.Errorf("%q is %+v, %v", spec, m, err)
		}
	}
}
