package email_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/email"
)

// leave has n mails want to leave and returns how many may.
func leave(ramp func(time.Time, string) (channel.Receipt, bool), now time.Time, n int) (left int) {
	for range n {
		if _, ok := ramp(now, "marketing"); ok {
			left++
		}
	}
	return left
}

func TestWarmUp(t *testing.T) {
	state := filepath.Join(t.TempDir(), "ramp.json")
	now := time.Unix(1700000000, 0)
	start := func() func(time.Time, string) (channel.Receipt, bool) {
		return email.NewRamp(100, 50, 300, state, "shop.example")
	}
	ramp := start()
	step := func(what string, wanted, want int) {
		t.Helper()
		if got := leave(ramp, now, wanted); got != want {
			t.Errorf("%s: %d of %d leave, want %d", what, got, wanted, want)
		}
	}
	step("the first day", 60, 60)
	now = now.Add(12 * time.Hour)
	step("later on that day", 60, 40)
	held, _ := ramp(now, "marketing")
	if held.Outcome != channel.Temporary || held.RetryAfter < 12*time.Hour || held.RetryAfter > 24*time.Hour ||
		!strings.HasPrefix(held.Reason, "warming up shop.example: the 100 mails of day 1") {
		t.Errorf("%+v", held)
	}
	if _, ok := ramp(now, "transactional"); !ok {
		t.Error("what is owed waits")
	}
	now = now.Add(12 * time.Hour)
	step("the second day", 200, 150)
	ramp = start()
	step("after a restart", 10, 0)
	now = now.Add(40 * 24 * time.Hour) // of silence: the day after comes whenever mail does
	step("the third day, of which little is used", 10, 10)
	now = now.Add(24 * time.Hour)
	step("so it is allowed no more the day after", 500, 225)
	now = now.Add(24 * time.Hour)
	step("the target", 5000, 5000)
	if other := email.NewRamp(1, 50, 300, state, "other.example"); leave(other, now, 3) != 1 {
		t.Error("another domain has no ramp of its own")
	}
	ramp = start()
	step("the target, after a restart", 5000, 5000)
}

// TestWarmUpAfterACrash starts anew without an end, over and over: what may leave is at most what is allowed, and little
// less.
func TestWarmUpAfterACrash(t *testing.T) {
	state := filepath.Join(t.TempDir(), "ramp.json")
	now, left := time.Unix(1700000000, 0), 0
	for range 40 {
		left += leave(email.NewRamp(10_000, 50, 1<<30, state, "shop.example"), now, 250)
	}
	if left > 10_000 || left < 5000 {
		t.Errorf("%d left", left)
	}
	if got := leave(email.NewRamp(10_000, 50, 1<<30, state, "shop.example"), now, 20_000); left+got > 10_000 {
		t.Errorf("%d left", left+got)
	}
}

// A place that was written down and not used costs the day nothing but itself, and nobody may leave while nothing can be
// written down.
func TestWarmUpWithoutItsFile(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "gone")
	ramp := email.NewRamp(10, 50, 1000, filepath.Join(folder, "ramp.json"), "shop.example")
	now := time.Unix(1700000000, 0)
	if held, ok := ramp(now, "marketing"); ok || !strings.Contains(held.Reason, "cannot be kept") || held.RetryAfter != time.Minute {
		t.Errorf("%+v, %v", held, ok)
	}
	if _, ok := ramp(now, "transactional"); !ok {
		t.Error("what is owed waits")
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := leave(ramp, now, 20); got != 9 {
		t.Errorf("%d leave when the folder is back, beside the one that was owed", got)
	}
}

// TestWarmUpSends goes by what the server says: what it did not take has not used up the day.
func TestWarmUpSends(t *testing.T) {
	state := filepath.Join(t.TempDir(), "ramp.json")
	server := newScripted(t, "RCPT", "451 later", 2)
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, server.settings(`,"connections":1,"warm_up":{"start":3,"target":100,"state":`+string(text)+`}`))
	var got []string
	for _, r := range c.Send(t.Context(), messages(7)) {
		got = append(got, fmt.Sprint(r.Outcome, strings.HasPrefix(r.Reason, "warming up shop.example"), r.RetryAfter > 0))
	}
	want := fmt.Sprint([]string{"temporary false false", "temporary false false", "accepted false false", "accepted false false", "accepted false false",
		"temporary true true", "temporary true true"})
	if fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	if err := c.Health(t.Context()); err != nil {
		t.Error(err)
	}
	again := open(t, server.settings(`,"connections":1,"warm_up":{"start":3,"target":100,"state":`+string(text)+`}`))
	owed := messages(1)
	owed[0].Kind = "transactional"
	if r := again.Send(t.Context(), messages(1))[0]; r.Outcome != channel.Temporary {
		t.Errorf("after a restart: %+v", r)
	}
	if r := again.Send(t.Context(), owed)[0]; r.Outcome != channel.Accepted {
		t.Errorf("what is owed: %+v", r)
	}
}

func TestWarmUpSettings(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "other.txt"), []byte("a note"), 0o600); err != nil {
		t.Fatal(err)
	}
	for more, want := range map[string]string{
		`{}`: "warm_up.target", `{"target":-5}`: "warm_up.target", `{"target":10,"start":11}`: "warm_up.start", `{"target":10,"growth":0.5}`: "warm_up.growth",
		`{"target":10}`: "warm_up.state", `{"target":10,"state":"ramp.json"}`: "whole path",
		`{"target":10,"state":"/does/not/exist/ramp.json"}`: "folder", `{"target":10,"state":"` + folder + `/other.txt"}`: "something else",
		`{"target":10,"state":"` + folder + `/ramp.json"}`: "", `{"goal":10}`: "goal",
	} {
		err := email.New().Configure(t.Context(), json.RawMessage(`{"host":"127.0.0.1","from":"a@b.example","warm_up":`+more+`}`))
		if want == "" && strings.Contains(more, folder) && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", more, err, want)
		}
	}
}
