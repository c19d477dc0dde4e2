package lifecycle_test

import (
	"testing"

	"stagecraft/app/lifecycle"
)

// Words and suppressions from before names like email-news were of a kind are read as ones of it; a grant is not widened.
func TestOldWordsBecomeOnesOfTheirKind(t *testing.T) {
	old := lifecycle.Customer{
		Consents: []lifecycle.Consent{
			{Channel: "email-b", At: noon, Source: "api"}, {Channel: "sms-a", Granted: true, At: noon, Source: "api"},
			{Channel: "email-a", At: noon.Add(1), Source: "api"},
		},
		Suppressions: []lifecycle.Suppression{
			{Channel: "email-a", Address: "a@b.c", Reason: lifecycle.SuppressedBounce, At: noon}, {Channel: "email", Address: "a@b.c", Reason: lifecycle.SuppressedBounce, At: noon},
		},
	}
	var read, want lifecycle.Customer
	if err := read.ReadRecord(old.AppendRecord(nil)); err != nil {
		t.Fatal(err)
	}
	want.Say(lifecycle.Consent{Channel: "sms-a", Granted: true, At: noon.UTC(), Source: "api"})
	want.Say(lifecycle.Consent{Channel: "email", At: noon.Add(1).UTC(), Source: "api"})
	want.Suppress(lifecycle.Suppression{Channel: "email", Address: "a@b.c", Reason: lifecycle.SuppressedBounce, At: noon.UTC()})
	if d := diff(&want, &read); d != "" {
		t.Error(d)
	}
	if _, said := read.Consented("sms", ""); said {
		t.Error("what allows one channel allows the others")
	}
}
