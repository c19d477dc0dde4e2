package config

import (
	"net/url"
	"slices"
	"strings"
)

// Tracking is what is done to the links of mails whose front matter does not say itself.
type Tracking struct {
	Track []string `name:"track" env:"STAGECRAFT_TRACK" default:"clicks,opens" placeholder:"WHAT" help:"What is tracked of messages: clicks, opens (of mails), both or none; the front matter's track says otherwise for a message. Default: ${default}."`
	URL   string   `name:"tracking-url" env:"STAGECRAFT_TRACKING_URL" placeholder:"URL" help:"Base of tracked links, such as https://go.shop.example, a domain of your own that leads to this server. Default: that of the other links."`
	UTM   string   `name:"utm" env:"STAGECRAFT_UTM" placeholder:"PARAMETERS" help:"UTM parameters of the links of messages, such as 'source=shop&medium=email&campaign={message}', where {journey}, {stage}, {message} and {channel} are filled in. medium=email is that of mails; in other channels it is sms, push and so on. Default: none."`
}

// check finds what is wrong. What UTM says is read, and checked, where links are made.
func (t *Tracking) check(problems *Problems) {
	for _, what := range t.Track {
		if !slices.Contains([]string{"clicks", "opens", "none"}, what) {
			problems.add("--track", "%q cannot be tracked; use clicks, opens, both with a comma between, or none", what)
		}
	}
	if slices.Contains(t.Track, "none") && len(t.Track) > 1 {
		problems.add("--track", "none stands alone")
	}
	if t.URL == "" {
		return
	}
	base, err := url.Parse(t.URL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Hostname() == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		problems.add("--tracking-url", "%q is not the base of links; write it like https://go.shop.example", t.URL)
	}
	t.URL = strings.TrimRight(t.URL, "/")
}
