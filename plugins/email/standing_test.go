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
			kept := func(r channel.Receipt) bool {
				return r.Outcome == channel.Temporary && r.Data[channel.FactUntried] == "1" && strings.HasPrefix(r.Reason, "marketing is paused: ") && r.RetryAfter > 0
			}
			if kept(got[0]) != test.paused || got[0].Data[channel.FactPause] != strings.TrimPrefix(got[0].Reason, "marketing is paused: ") {
				t.Errorf("%+v", got[0])
			}
			if got[1].Outcome != channel.Accepted {
				t.Errorf("%+v", got[1])
			}
			// Until the host has written it down marketing stays, and that is not asked for twice.
			if got = c.Send(t.Context(), messages(1)); kept(got[0]) != test.paused || got[0].Data[channel.FactPause] != "" {
				t.Errorf("%+v", got[0])
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

// What is reported several times, by one server or by several, is one complaint or one bounce.
func TestWhatIsReportedAgainCountsOnce(t *testing.T) {
	box, port := serve(t, nil, nil)
	c := open(t, settings(port, `,"security":"none","pause_after":20,"max_complaints":10,"max_bounces":10`+bounceSettings))
	c.Send(t.Context(), messages(18))
	paths, ids := [2]string{}, [2]string{}
	for i, id := range []string{"00aa", "00bb"} {
		paths[i], ids[i] = sent(t, box, c, id)
	}
	leaves := func() bool { return c.Send(t.Context(), messages(1))[0].Outcome == channel.Accepted }
	for range 8 {
		for i := range 2 {
			post(t, c, "", arf("abuse", "", "Message-ID: "+ids[i]))
			post(t, c, "", dsn(paths[i], "Action: failed\nStatus: 5.1.1", ""))
		}
		post(t, c, "", dsn("x@y.example", "Action: failed\nStatus: 5.1.1", "Message-ID: "+ids[0]))
	}
	if !leaves() {
		t.Error("two complaints and two bounces of 20 passed limits of 10 percent")
	}
	_, third := sent(t, box, c, "00cc")
	post(t, c, "", arf("abuse", "", "Message-ID: "+third))
	if leaves() {
		t.Error("a third complaint was not counted")
	}
}

// What is past a limit keeps back the very next mail, also of the same call.
func TestAPauseHoldsTheNextMail(t *testing.T) {
	server := newScripted(t, "RCPT", "550 5.1.1 unknown", 0)
	c := open(t, server.settings(`,"pause_after":5,"connections":1`))
	asked := 0
	for i, r := range c.Send(t.Context(), messages(50)) {
		if tried := r.Outcome == channel.Permanent; tried != (i < 5) {
			t.Fatalf("%d: %+v", i, r)
		}
		if r.Data[channel.FactPause] != "" {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("the pause was asked for %d times", asked)
	}
}

// What is counted ends after a day. The limits go by what is counted since a person has ended the pause, which the host keeps.
func TestAPauseIsAskedForOnce(t *testing.T) {
	count, paused, told := email.NewStanding(5, 10)
	now := time.Unix(1700000000, 0)
	reason := ""
	expect := func(what string, after time.Duration, why, first bool) {
		t.Helper()
		said, asks := paused(now.Add(after))
		if (said != "") != why || asks != first {
			t.Errorf("%s: %q, %t", what, said, asks)
		}
		reason = said
		if asks { // other calls may go on for long before the one that asks ends
			if again, twice := paused(now.Add(after + time.Minute)); again != said || twice {
				t.Errorf("%s: before the host has heard it: %q, %t", what, again, twice)
			}
			told(now.Add(after))
		}
	}
	count(now, 100, 6)
	expect("the hours are a day old", 24*time.Hour, false, false)
	expect("just before", 23*time.Hour, true, true)
	if !strings.HasPrefix(reason, "6 of 100 messages of the last day bounced for good (6.00 %; max_bounces is 5 %)") {
		t.Error(reason)
	}
	count(now.Add(23*time.Hour), 0, 3) // of those that had left before
	expect("while the host writes it down", 23*time.Hour+time.Second, true, false)
	expect("somebody has resumed it", 23*time.Hour+time.Minute, false, false)
	count(now.Add(23*time.Hour), 9, 9)
	expect("too small a sample", 23*time.Hour+time.Minute, false, false)
	count(now.Add(23*time.Hour), 1, 0)
	expect("it goes on as before", 23*time.Hour+time.Minute, true, true)
	if !strings.HasPrefix(reason, "9 of 10 messages since it was resumed bounced for good (90.00 %; 18 of 110 of the last day; max_bounces is 5 %)") {
		t.Error(reason)
	}
	expect("somebody has resumed that too", 24*time.Hour, false, false)
	count(now.Add(24*time.Hour), 10, 1)
	expect("ten more", 24*time.Hour, true, true)
	if !strings.HasPrefix(reason, "1 of 10 messages since it was resumed bounced for good (10.00 %; 13 of 20 of the last day; max_bounces is 5 %)") {
		t.Error(reason)
	}
}

func TestRatePerDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rates := email.NewRates(map[string]float64{"slow.example": 2, "*": 100})
		now := time.Now()
		var waits []time.Duration
		for range 6 {
			waits = append(waits, rates(now, "marketing", "slow.example"))
		}
		if got := fmt.Sprint(waits); got != "[0s 0s 500ms 1s 1.5s 2s]" {
			t.Error(got)
		}
		// Whoever comes back when told is let through, at the rate.
		for i, wait := range waits[2:] {
			if again := rates(now.Add(wait), "marketing", "slow.example"); again != 0 {
				t.Errorf("%d: after %v another %v", i, wait, again)
			}
		}
		for i := range 101 {
			if wait := rates(now, "marketing", "fast.example"); wait > 0 != (i >= 100) {
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

// What is owed does not stand in line behind marketing: it leaves at once, and takes its share of the rate from what waits.
func TestRatePerDomainHoldsMarketingOnly(t *testing.T) {
	rates := email.NewRates(map[string]float64{"*": 10})
	now := time.Unix(1700000000, 0)
	for range 1500 {
		rates(now, "marketing", "x.example")
	}
	for range 4 {
		if wait := rates(now, "transactional", "x.example"); wait != 0 {
			t.Errorf("what is owed waits for %v", wait)
		}
	}
	passed := 0
	for i := range 100 { // ten a second ask for ten seconds; what was owed has taken four of their places
		if rates(now.Add(time.Duration(i+1)*100*time.Millisecond), "marketing", "x.example") == 0 {
			passed++
		}
	}
	if passed != 96 {
		t.Errorf("%d mails of marketing passed", passed)
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
