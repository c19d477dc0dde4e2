package lifecycle_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// Time zones are read as people and other programs write them, and never guessed.
func TestZonesAreReadAsTheyAreWritten(t *testing.T) {
	winter := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"America/New_York": "07:00", "america/new_york": "07:00", "AMERICA/NEW YORK": "07:00", " Asia/Ho_Chi_Minh ": "19:00",
		"america/port-au-prince": "07:00", "africa/dar es salaam": "15:00", "utc": "12:00", "est5edt": "07:00", "gmt": "12:00",
		"UTC-5": "07:00", "utc+05:30": "17:30", "UTC +7": "19:00", "GMT+7": "19:00", "GMT-03:30": "08:30", "+07:00": "19:00", "-0500": "07:00",
		"+14": "02:00", "-12:00": "00:00", "UTC\u22125": "07:00", "Z": "12:00", "UTC+0": "12:00", "+00:00": "12:00",
		"Etc/GMT+7": "05:00", "etc/gmt+7": "05:00", // by the database's own sign
		"": "", "Local": "", "local": "", "localtime": "", "posixrules": "", "Factory": "", "posix/Asia/Tokyo": "", "right/UTC": "", "tzdata.zi": "", "New York": "", "UTC+15": "", "UTC-13": "", "+530": "", "-300": "", "+7:5": "", "+07:60": "", "7": "", "+": "", "UTC+": "",
		"+-7": "", "../../etc/passwd": "", "Eastern Time": "", strings.Repeat("x", 5000): "",
	} {
		got := ""
		if zone := lifecycle.ZoneOf(text); zone != nil {
			got = winter.In(zone).Format("15:04")
		}
		if got != want {
			t.Errorf("%.30q shows %q, want %q", text, got, want)
		}
	}
}

// Of a trait that names no zone the log hears once, whose it is and not what it says; what says none is nothing to tell of.
func TestTheLogHearsOnceOfWhatIsNoZone(t *testing.T) {
	var text bytes.Buffer
	ada := lifecycle.HashID("ada")
	zones := lifecycle.NewZones(slog.New(slog.NewTextHandler(&text, nil)))
	for range 3 {
		for _, trait := range []string{`"New York"`, `7`, `null`, `""`, `"europe/paris"`} {
			zones.Of(&lifecycle.Customer{ID: ada, Traits: map[string]json.RawMessage{lifecycle.ZoneTrait: json.RawMessage(trait)}})
		}
	}
	if n := strings.Count(text.String(), "customer="+ada.String()); n != 2 || strings.Count(text.String(), "\n") != n || strings.Contains(text.String(), "New York") {
		t.Errorf("the log says\n%s", text.String())
	}
}
