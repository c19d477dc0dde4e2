package email_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/email"
)

func TestPauseOnBounces(t *testing.T) {
	for _, test := range []struct {
		name, more string
		refused    int
		complaints bool
		paused     bool
	}{
		{"too many bounces", "", 2, false, true}, {"few bounces", "", 1, false, false}, {"a large sample", `,"pause_after":50`, 2, false, false},
		{"no limit", `,"max_bounces":0`, 9, false, false}, {"a complaint", "", 0, true, true}, {"no limit of complaints", `,"max_complaints":0`, 0, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			verb := "RCPT"
			if test.refused == 0 {
				verb = "never"
			}
			server := newScripted(t, verb, "550 5.1.1 unknown", test.refused)
			more := test.more
			if !strings.Contains(more, "pause_after") {
				more += `,"pause_after":20`
			}
			c := open(t, server.settings(more+bounceSettings))
			for i, r := range c.Send(t.Context(), messages(20)) {
				if r.Outcome == channel.Permanent && r.Data["gone"] != "1" || r.Outcome == channel.Temporary {
					t.Errorf("%d: %+v", i, r)
				}
			}
			if test.complaints {
				if _, reports := post(t, c, "", arf("abuse", "", "Message-ID: "+ownMessageID(t))); len(reports) != 1 {
					t.Fatal("the complaint was not heard")
				}
			}
			transactional := message(99)
			transactional.Kind = "transactional"
			got := c.Send(t.Context(), []channel.Message{message(98), transactional})
			if paused := got[0].Outcome == channel.Temporary && strings.Contains(got[0].Reason, "paused") && got[0].RetryAfter > 0; paused != test.paused {
				t.Errorf("%+v", got[0])
			}
			if got[1].Outcome != channel.Accepted {
				t.Errorf("%+v", got[1])
			}
			if unwell := c.Health(t.Context()) != nil; unwell != test.paused {
				t.Errorf("health: %v", c.Health(t.Context()))
			}
		})
	}
}

// ownMessageID is the Message-ID of a message that was sent with the same secret.
func ownMessageID(t *testing.T) string {
	t.Helper()
	box, port := serve(t, nil, nil)
	_, id := sent(t, box, open(t, settings(port, `,"security":"none"`+bounceSettings)), "00ff")
	return id
}

// TestPauseEnds has the hours that caused a pause grow a day old.
func TestPauseEnds(t *testing.T) {
	count, paused := email.NewStanding(5, 10)
	now := time.Unix(1700000000, 0)
	count(now, 100, 6)
	for _, test := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {23 * time.Hour, true}, {24 * time.Hour, false}, {1000 * time.Hour, false}} {
		if paused(now.Add(test.after)) != test.want {
			t.Errorf("after %v: %v", test.after, !test.want)
		}
	}
	count(now.Add(24*time.Hour), 20, 0)
	if paused(now.Add(24 * time.Hour)) {
		t.Error("what is a day old counts on")
	}
	count(now.Add(25*time.Hour), 0, 2)
	if !paused(now.Add(25 * time.Hour)) {
		t.Error("the new hours do not count")
	}
}

func TestRatePerDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rates := email.NewRates(map[string]float64{"slow.example": 2, "*": 100})
		now := time.Now()
		var waits []time.Duration
		for range 6 {
			waits = append(waits, rates(now, "slow.example"))
		}
		if got := fmt.Sprint(waits); got != "[0s 0s 500ms 1s 1.5s 2s]" {
			t.Error(got)
		}
		// Whoever comes back when told is let through, at the rate.
		for i, wait := range waits[2:] {
			if again := rates(now.Add(wait), "slow.example"); again != 0 {
				t.Errorf("%d: after %v another %v", i, wait, again)
			}
		}
		for i := range 101 {
			if wait := rates(now, "fast.example"); wait > 0 != (i >= 100) {
				t.Errorf("%d: %v", i, wait)
			}
		}
	})
	_, port := serve(t, nil, nil)
	c := open(t, settings(port, `,"security":"none","rate_per_domain":{"Example.com":0.001}`))
	batch := messages(3)
	batch[1].To = "x@other.example"
	got := c.Send(t.Context(), batch)
	temporary := 0
	for _, r := range got {
		if r.Outcome == channel.Temporary && r.RetryAfter > 10*time.Minute && strings.Contains(r.Reason, "example.com") {
			temporary++
		}
	}
	if temporary != 1 || got[1].Outcome != channel.Accepted {
		t.Errorf("%+v", got)
	}
}

func TestRecords(t *testing.T) {
	c := open(t, `{"host":"127.0.0.1","from":"a@news.shop.example"`+keys(t, "rsa")+bounceSettings+`}`)
	good := zone{}
	for _, r := range c.Check(t.Context(), good) {
		if r.Problem == "" || r.Want == "" {
			t.Errorf("nothing is there, but: %+v", r)
		}
		good[r.Name] = []string{"other text", r.Want}[1:]
	}
	const spf, key, dmarc = "mail.shop.example", "s0._domainkey.news.shop.example", "_dmarc.news.shop.example"
	for _, test := range []struct {
		name    string
		texts   []string
		problem string
	}{
		{spf, good[spf], ""}, {spf, []string{"v=spf1 -all"}, "nobody"}, {spf, []string{"v=spf1 a +all"}, "everybody"},
		{spf, []string{"v=spf1 a ~all", "v=spf1 mx ~all"}, "several"}, {spf, []string{"v=spf10 a"}, "no SPF"}, {spf, nil, "could not be looked up"},
		{spf, []string{"v=spf1" + strings.Repeat(" include:x.example", 11) + " -all"}, "10"}, {spf, []string{"v=spf1 redirect=x.example"}, ""},
		{key, []string{"v=DKIM1; p="}, "revoked"}, {key, []string{"v=DKIM1; p=AAAA"}, "another key"}, {key, nil, "looked up"},
		{key, []string{strings.Replace(good[key][0], "p=M", "p= M ", 1)}, ""},
		{dmarc, []string{"v=DMARC1; p=maybe"}, "p must be"}, {dmarc, []string{"v=DMARC1; p=reject"}, ""}, {dmarc, nil, "looked up"},
	} {
		z := zone{}
		for name, texts := range good {
			z[name] = texts
		}
		z[test.name] = test.texts
		for _, r := range c.Check(t.Context(), z) {
			if want := map[bool]string{true: test.problem}[r.Name == test.name]; (r.Problem == "") != (want == "") || !strings.Contains(r.Problem, want) {
				t.Errorf("%s %q: %+v", test.name, test.texts, r)
			}
		}
	}
	// The record of the domain above counts too.
	delete(good, dmarc)
	good["_dmarc.shop.example"] = []string{"v=DMARC1; p=none"}
	for _, r := range c.Check(t.Context(), good) {
		if r.Problem != "" {
			t.Errorf("%+v", r)
		}
	}
}
