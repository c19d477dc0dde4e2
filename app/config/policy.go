package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Policy is what may be sent, and when. A preset brings rules; what is set besides takes the place of the preset's rules
// for the same channels. Rules are separated by semicolons, and * stands for channels that are not named.
type Policy struct {
	Preset     string   `name:"policy" env:"STAGECRAFT_POLICY" default:"opt-out" placeholder:"PRESET" help:"Rules for marketing: opt-out (USA: it may go to whoever has not refused it, SMS and calls 8-21 h), gdpr (only to whoever has allowed it), vietnam (Decree 91/2020) or none. Default: ${default}."`
	SendHours  []string `name:"send-hours" env:"STAGECRAFT_SEND_HOURS" sep:";" placeholder:"RULES" help:"When marketing may leave, by channel, in the customer's own time, such as 'email=mon-fri 08:00-18:00; sms=09:00-20:00'; 'sms=always' lifts the preset's rule for sms. Default: by the preset."`
	Caps       []string `name:"caps" env:"STAGECRAFT_CAPS" sep:";" placeholder:"RULES" help:"How much marketing one customer gets, by kind of channel (email counts email-news too) and over all (*), in a calendar day or a time, such as 'sms=3/24h; email=1/day; *=5/7d'; 'sms=none' lifts the preset's rule for sms. Default: by the preset."`
	CapAll     bool     `name:"cap-all" env:"STAGECRAFT_CAP_ALL" help:"Transactional messages use up caps too; they are never held back by them. Default: marketing only."`
	Duplicates int      `name:"duplicates" env:"STAGECRAFT_DUPLICATES" default:"0" placeholder:"HOURS" help:"Hours for which the same marketing message is not sent to the same address again, up to 744; 0: it may be. Default: ${default}."`
	Pause      []string `name:"pause" env:"STAGECRAFT_PAUSE" placeholder:"CHANNEL,..." help:"Channels whose messages wait. Default: none."`
}

// Rules are a Policy that was read.
type Rules struct {
	OptIn      bool
	Hours      map[string][]Hours
	Caps       map[string][]Cap
	CountOwed  bool
	Duplicates time.Duration
	Labels     map[string]string
}

// Hours is a part of the week.
type Hours struct {
	Days     [7]bool // by time.Weekday
	From, To int     // minutes of the day, 0 to 1440; To is not part of it
}

// Cap is how many messages may go to one customer within a time.
type Cap struct {
	Limit  int
	Within time.Duration // 0: the calendar day in the customer's zone
}

// Bounds of rules.
const (
	maxCap       = 100
	maxCapWithin = 31 * 24 * time.Hour
)

var everyDay = [7]bool{true, true, true, true, true, true, true}

// presets returns the rules by name. Where they come from:
//   - opt-out: CAN-SPAM Act, 15 USC 7704 (mail until it is refused); 47 CFR 64.1200(c)(1) (telephone, 8 am to 9 pm at the
//     called party's location).
//   - gdpr: GDPR Art. 6 and 7 with Directive 2002/58/EC Art. 13 (prior consent).
//   - vietnam: Decree 91/2020/ND-CP, Art. 13 (prior consent; SMS 7-22 h, calls 8-17 h; 3 SMS to a number, 3 mails to an
//     address and 1 call to a number within 24 hours) and the label [QC] of advertising.
func presets() map[string]Rules {
	between := func(from, to int) []Hours { return []Hours{{everyDay, from * 60, to * 60}} }
	day := 24 * time.Hour
	return map[string]Rules{
		"none":    {},
		"opt-out": {Hours: map[string][]Hours{"sms": between(8, 21), "call": between(8, 21)}},
		"gdpr":    {OptIn: true},
		"vietnam": {
			OptIn:  true,
			Hours:  map[string][]Hours{"sms": between(7, 22), "call": between(8, 17)},
			Caps:   map[string][]Cap{"sms": {{3, day}}, "email": {{3, day}}, "call": {{1, day}}},
			Labels: map[string]string{"sms": "[QC]", "email": "[QC]"},
		},
	}
}

// Rules returns what the settings say. What Check refuses is left out.
func (p Policy) Rules() Rules {
	var problems Problems
	return p.read(&problems)
}

// Check returns Problems if the settings cannot work, all of them at once.
func (p Policy) Check() error {
	var problems Problems
	if p.read(&problems); len(problems) > 0 {
		return problems
	}
	return nil
}

func (p Policy) read(problems *Problems) Rules {
	known := presets()
	rules, ok := known[p.Preset]
	if !ok && p.Preset != "" {
		problems.add("--policy", "%q is none of %s", p.Preset, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	if !ok {
		rules = known["opt-out"]
	}
	rules.CountOwed = p.CapAll
	if p.Duplicates < 0 || p.Duplicates > int(maxCapWithin/time.Hour) {
		problems.add("--duplicates", "%d is not a number of hours between 0 and %d", p.Duplicates, maxCapWithin/time.Hour)
	} else {
		rules.Duplicates = time.Duration(p.Duplicates) * time.Hour
	}
	rules.Hours = replaced(problems, "--send-hours", `email=mon-fri 08:00-18:00`, "always", rules.Hours, p.SendHours, readHours)
	rules.Caps = replaced(problems, "--caps", `sms=3/24h`, "none", rules.Caps, p.Caps, readCap)
	for _, channel := range p.Pause {
		if !isChannel(channel, allChannels) {
			problems.add("--pause", "%q names no channel; there are: %s", channel, strings.Join(allChannels, ", "))
		}
	}
	return rules
}

// replaced reads rules of the form CHANNEL=RULE and puts them in the place of the preset's for the same channel. Several
// for one channel stand beside each other; lifted means that there is none.
func replaced[R any](problems *Problems, flag, form, lifted string, preset map[string][]R, texts []string, read func(string) (R, string)) map[string][]R {
	own := map[string][]R{}
	for _, text := range texts {
		if strings.TrimSpace(text) == "" {
			continue
		}
		channel, rule, found := strings.Cut(text, "=")
		channel, rule = strings.TrimSpace(channel), strings.ToLower(strings.TrimSpace(rule))
		if !found || channel != "*" && !isChannel(channel, allChannels) {
			problems.add(flag, "%q names no channel; write it like %s; there are: %s", text, form, strings.Join(allChannels, ", "))
			continue
		}
		if rule == lifted {
			own[channel] = append(own[channel], []R{}...)
			continue
		}
		one, wrong := read(rule)
		if wrong != "" {
			problems.add(flag, "%q: %s; write it like %s", strings.TrimSpace(text), wrong, form)
			continue
		}
		own[channel] = append(own[channel], one)
	}
	rules := maps.Clone(preset)
	if rules == nil {
		rules = map[string][]R{}
	}
	maps.Copy(rules, own)
	return rules
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// readHours reads "08:00-18:00", "mon-fri 08:00-18:00" or "mon,wed,sat-sun 10:00-24:00".
func readHours(text string) (h Hours, wrong string) {
	fields := strings.Fields(text)
	if len(fields) == 0 || len(fields) > 2 {
		return h, "it is not days and a span of hours"
	}
	from, to, _ := strings.Cut(fields[len(fields)-1], "-")
	var okFrom, okTo bool
	h.From, okFrom = readMinute(from)
	h.To, okTo = readMinute(to)
	if !okFrom || !okTo || h.From >= h.To {
		return h, "it is not a span of hours within a day"
	}
	if len(fields) == 1 {
		h.Days = everyDay
		return h, ""
	}
	for part := range strings.SplitSeq(fields[0], ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		day, end := slices.Index(weekdays, first), slices.Index(weekdays, last)
		if day < 0 || end < 0 {
			return h, part + " is not a day of the week, which are " + strings.Join(weekdays, ", ")
		}
		for h.Days[day] = true; day != end; h.Days[day] = true {
			day = (day + 1) % 7
		}
	}
	return h, ""
}

// readMinute reads 8:00 or 08:00, up to 24:00, as a minute of the day.
func readMinute(text string) (minute int, ok bool) {
	h, m, found := strings.Cut(text, ":")
	if !found || len(h) < 1 || len(h) > 2 || len(m) != 2 || strings.Trim(h+m, "0123456789") != "" {
		return 0, false
	}
	hour, _ := strconv.Atoi(h)
	minute, _ = strconv.Atoi(m)
	return hour*60 + minute, minute < 60 && hour*60+minute <= 24*60
}

// readCap reads "3/day", "3/24h" or "10/7d".
func readCap(text string) (c Cap, wrong string) {
	count, within, found := strings.Cut(text, "/")
	limit, err := strconv.Atoi(strings.TrimSpace(count))
	if !found || err != nil || limit < 1 || limit > maxCap {
		return c, "it does not begin with a number of messages from 1 to " + strconv.Itoa(maxCap)
	}
	c.Limit = limit
	switch within = strings.TrimSpace(within); {
	case within == "day":
		return c, ""
	case strings.HasSuffix(within, "d"):
		c.Within = 24 * time.Hour
	case strings.HasSuffix(within, "h"):
		c.Within = time.Hour
	default:
		return c, "the time is not day, hours such as 24h, or days such as 7d"
	}
	n, err := strconv.Atoi(within[:len(within)-1])
	if err != nil || n < 1 || n > int(maxCapWithin/c.Within) {
		return c, "the time is not between 1h and 31d"
	}
	c.Within *= time.Duration(n)
	return c, ""
}
