package config

import "time"

// Privacy is for how long things are kept, and how what is erased leaves the files.
type Privacy struct {
	Events    int    `name:"keep-events" env:"STAGECRAFT_KEEP_EVENTS" default:"0" placeholder:"DAYS" help:"For how long customers' events and what they led to are kept, at least 30 days; counts of scripts and segments look back no further. 0: for ever. Default: ${default}."`
	Anonymous int    `name:"keep-anonymous" env:"STAGECRAFT_KEEP_ANONYMOUS" default:"0" placeholder:"DAYS" help:"For how long after their last event customers are kept of whom no more than a browser or a device is known. 0: for ever. Default: ${default}."`
	Bodies    int    `name:"keep-bodies" env:"STAGECRAFT_KEEP_BODIES" default:"0" placeholder:"DAYS" help:"For how long the texts of messages are kept; who got what and when stays. 0: for ever. Default: ${default}."`
	Rewrite   int    `name:"rewrite-after" env:"STAGECRAFT_REWRITE_AFTER" default:"24" placeholder:"HOURS" help:"How long after an erasure the store's files are written anew without what was erased; 0: only when told. Default: ${default} hours."`
	Erased    string `name:"erased-file" env:"STAGECRAFT_ERASED_FILE" placeholder:"FILE" help:"List of keyed hashes of who was erased, which an older backup is held against. Keep it out of backups. Default: erased in the data folder."`
}

func (p Privacy) check(problems *Problems) {
	for _, days := range []struct {
		flag string
		n    int
		min  int
	}{{"--keep-events", p.Events, 30}, {"--keep-anonymous", p.Anonymous, 1}, {"--keep-bodies", p.Bodies, 1}} {
		if days.n != 0 && (days.n < days.min || days.n > 36_500) {
			problems.add(days.flag, "%d is not between %d and 36500 days, and not 0", days.n, days.min)
		}
	}
	if p.Rewrite < 0 || p.Rewrite > 24*365 {
		problems.add("--rewrite-after", "%d is not between 0 and 8760 hours", p.Rewrite)
	}
}

// Days returns a number of days as a duration.
func Days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
