package config_test

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"stagecraft/app/config"
)

var (
	always = [7]bool{true, true, true, true, true, true, true}
	week   = [7]bool{false, true, true, true, true, true, false}
)

func TestPresets(t *testing.T) {
	for preset, want := range map[string]config.Rules{
		"none":    {},
		"opt-out": {Hours: map[string][]config.Hours{"sms": {{always, 480, 1260}}, "call": {{always, 480, 1260}}}},
		"gdpr":    {OptIn: true},
		"vietnam": {
			OptIn:  true,
			Hours:  map[string][]config.Hours{"sms": {{always, 420, 1320}}, "call": {{always, 480, 1020}}},
			Caps:   map[string][]config.Cap{"sms": {{3, 24 * time.Hour}}, "email": {{3, 24 * time.Hour}}, "call": {{1, 24 * time.Hour}}},
			Labels: map[string]string{"sms": "[QC]", "email": "[QC]"},
		},
	} {
		c, err := parse(t, "--policy", preset)
		if err == nil {
			err = c.Check()
		}
		got := c.Policy.Rules()
		if len(got.Hours) == 0 {
			got.Hours = nil
		}
		if len(got.Caps) == 0 {
			got.Caps = nil
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", preset, got, err)
		}
	}
	c, err := parse(t)
	if err != nil || c.Policy.Preset != "opt-out" {
		t.Errorf("the default is %q, %v", c.Policy.Preset, err)
	}
}

func TestRulesTakeThePlaceOfThePresets(t *testing.T) {
	file := write(t, `{"policy": "vietnam", "send_hours": "sms=mon-fri 09:00-18:00; sms=sat 9:00-12:00; email=fri-mon 00:00-24:00; call=always",
		"caps": "sms=2/day;email=none;*=10/7d", "cap_all": true, "duplicates": 48, "pause": "push,social"}`)
	c, err := parse(t, "--config", file)
	if err == nil {
		err = c.Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	rules := c.Policy.Rules()
	hours := map[string][]config.Hours{
		"sms":   {{week, 540, 1080}, {[7]bool{6: true}, 540, 720}},
		"email": {{[7]bool{0: true, 1: true, 5: true, 6: true}, 0, 1440}},
		"call":  nil,
	}
	caps := map[string][]config.Cap{"sms": {{2, 0}}, "email": nil, "call": {{1, 24 * time.Hour}}, "*": {{10, 7 * 24 * time.Hour}}}
	if !reflect.DeepEqual(rules.Hours, hours) || !reflect.DeepEqual(rules.Caps, caps) {
		t.Errorf("hours %v\ncaps %v", rules.Hours, rules.Caps)
	}
	if !rules.OptIn || !rules.CountOwed || rules.Duplicates != 48*time.Hour || !reflect.DeepEqual(c.Policy.Pause, []string{"push", "social"}) {
		t.Errorf("%+v, paused %v", rules, c.Policy.Pause)
	}
	for _, setting := range []string{`policy="vietnam"`, "9:00-12:00", "10/7d", "duplicates=48h", "push"} {
		if !strings.Contains(c.String(), setting) {
			t.Errorf("the log does not say %s: %s", setting, c)
		}
	}
}

func TestBadPolicies(t *testing.T) {
	for _, c := range []struct{ flag, value, want string }{
		{"--policy", "eu", "none of gdpr, none, opt-out, vietnam"},
		{"--send-hours", "09:00-18:00", "names no channel"},
		{"--send-hours", "email=", "not days and a span"},
		{"--send-hours", "email=18:00-09:00", "span of hours within a day"},
		{"--send-hours", "email=9-18", "span of hours within a day"},
		{"--send-hours", "email=08:00-24:01", "span of hours within a day"},
		{"--send-hours", "email=08:60-24:00", "span of hours within a day"},
		{"--send-hours", "email=mo-fr 08:00-18:00", "not a day of the week"},
		{"--send-hours", "E-Mail=08:00-18:00", "names no channel"},
		{"--caps", "sms", "names no channel"},
		{"--caps", "sms=3", "number of messages"},
		{"--caps", "sms=0/day", "number of messages"},
		{"--caps", "sms=101/day", "number of messages"},
		{"--caps", "sms=3/week", "the time is not day"},
		{"--caps", "sms=3/0h", "between 1h and 31d"},
		{"--caps", "sms=3/32d", "between 1h and 31d"},
		{"--caps", "sms=3/99999999999999999999h", "between 1h and 31d"},
		{"--caps", "sms=3/", "the time is not day"},
		{"--duplicates", "745", "between 0 and 744"},
		{"--pause", "*", "names no channel"},
		{"--pause", "emial", "there are: email, webhook, inapp, call, sms, push, social, letter"},
		{"--caps", "sns=1/day", "there are: email"},
		{"--send-hours", "emial=09:00-18:00", "there are: email"},
	} {
		parsed, err := parse(t, c.flag, c.value)
		if err == nil {
			err = parsed.Check()
		}
		var problems config.Problems
		if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Flag != c.flag || !strings.Contains(problems[0].Message, c.want) {
			t.Errorf("%s %q: %v", c.flag, c.value, err)
		}
	}
}

// Every value that the help shows in quotes is one that is taken.
func TestExamplesOfTheHelpAreTaken(t *testing.T) {
	quoted := regexp.MustCompile(`'([^']*=[^']*)'`)
	kind, shown := reflect.TypeFor[config.Policy](), 0
	for i := range kind.NumField() {
		flag, help := "--"+kind.Field(i).Tag.Get("name"), kind.Field(i).Tag.Get("help")
		for _, example := range quoted.FindAllStringSubmatch(help, -1) {
			shown++
			parsed, err := parse(t, flag, example[1])
			if err == nil {
				err = parsed.Check()
			}
			if err != nil {
				t.Errorf("%s %q: %v", flag, example[1], err)
			}
		}
	}
	if shown < 4 {
		t.Errorf("only %d examples are shown", shown)
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add("sms=mon-fri 08:00-20:00", "sms=3/24h")
	f.Add("*=fri-mon 00:00-24:00", "*=10/7d")
	f.Add("email=always", "email=none")
	f.Fuzz(func(t *testing.T, hours, caps string) {
		p := config.Policy{SendHours: strings.Split(hours, ";"), Caps: strings.Split(caps, ";")}
		rules := p.Rules()
		for _, list := range rules.Hours {
			for _, h := range list {
				if h.From < 0 || h.From >= h.To || h.To > 1440 || h.Days == [7]bool{} {
					t.Errorf("%q: %+v", hours, h)
				}
			}
		}
		for _, list := range rules.Caps {
			for _, c := range list {
				if c.Limit < 1 || c.Limit > 100 || c.Within < 0 || c.Within > 31*24*time.Hour {
					t.Errorf("%q: %+v", caps, c)
				}
			}
		}
	})
}
