package lifecycle

import (
	"net/url"
	"slices"
	"strings"
)

// Tracking says what is done to the links of a mail, and whether it tells that it was opened. The zero value leaves a mail
// as it is.
type Tracking struct {
	Clicks, Opens bool
	UTM           UTM
}

// ParseTracking reads what is tracked: true or false, clicks, opens, or both with a comma between.
func ParseTracking(text string) (clicks, opens bool, err error) {
	for word := range strings.SplitSeq(text, ",") {
		switch strings.TrimSpace(word) {
		case "true":
			clicks, opens = true, true
		case "clicks":
			clicks = true
		case "opens":
			opens = true
		case "false", "none":
			return false, false, nil
		default:
			return false, false, Errorf(Invalid, "%.80q says nothing about tracking; use true, false, clicks or opens", text)
		}
	}
	return clicks, opens, nil
}

// UTM are the parameters by which the statistics of a website tell where its visitors come from. They are put behind the
// addresses of links, which keep those that they have already.
type UTM []UTMValue

// UTMValue is one of them. The value may hold {journey}, {stage}, {message} and {channel}.
type UTMValue struct{ Name, Value string }

// utmNames are the parameters there are, without utm_ in front, in the order in which they are written. The first five are
// those of Urchin and Google Analytics, which added the sixth.
var utmNames = []string{"source", "medium", "campaign", "term", "content", "id"}

// maxUTMBytes is how long a list of parameters may be, as it is written.
const maxUTMBytes = 500

// ParseUTM reads parameters as an address has them, such as source=shop&medium=email&campaign={message}. An empty text and
// "false" are none.
func ParseUTM(text string) (UTM, error) {
	text = strings.TrimSpace(text)
	if text == "" || text == "false" {
		return nil, nil
	}
	if len(text) > maxUTMBytes {
		return nil, Errorf(Invalid, "UTM parameters may have %d bytes, these have %d", maxUTMBytes, len(text))
	}
	var utm UTM
	for pair := range strings.SplitSeq(text, "&") {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimPrefix(strings.TrimSpace(name), "utm_")
		value, err := url.QueryUnescape(strings.TrimSpace(value))
		switch {
		case !ok || err != nil || value == "":
			return nil, Errorf(Invalid, "%.80q is no UTM parameter; write them like source=shop&medium=email", pair)
		case !slices.Contains(utmNames, name):
			return nil, Errorf(Invalid, "there is no UTM parameter %.80q; there are: %s", name, strings.Join(utmNames, ", "))
		case utm.index(name) >= 0:
			return nil, Errorf(Invalid, "the UTM parameter %q is there twice", name)
		}
		utm = append(utm, UTMValue{name, value})
	}
	slices.SortFunc(utm, func(a, b UTMValue) int { return slices.Index(utmNames, a.Name) - slices.Index(utmNames, b.Name) })
	return utm, nil
}

func (u UTM) index(name string) int {
	return slices.IndexFunc(u, func(v UTMValue) bool { return v.Name == name })
}

// With returns the parameters with others in place of those of the same name.
func (u UTM) With(others UTM) UTM {
	if len(u) == 0 {
		return others
	}
	joined := slices.Clone(others)
	for _, v := range u {
		if others.index(v.Name) < 0 {
			joined = append(joined, v)
		}
	}
	return joined
}

// Within returns the parameters for links of a channel. They hold for all channels, but medium=email is said of mails: in
// another channel the medium is its kind, such as sms.
func (u UTM) Within(channel string) UTM {
	at, kind := u.index("medium"), KindOf(channel)
	if at < 0 || kind == "email" || !slices.Contains([]string{"email", "e-mail", "mail"}, strings.ToLower(u[at].Value)) {
		return u
	}
	within := slices.Clone(u)
	within[at].Value = kind
	return within
}

// For returns the parameters with the message's own words in their places.
func (u UTM) For(m *Message) UTM {
	filled := make(UTM, len(u))
	for i, v := range u {
		if strings.IndexByte(v.Value, '{') >= 0 {
			v.Value = strings.NewReplacer("{journey}", m.Journey, "{stage}", m.Stage, "{message}", m.Name, "{channel}", m.Channel).Replace(v.Value)
		}
		filled[i] = v
	}
	return filled
}

// Append returns an address with the parameters that it does not have yet.
func (u UTM) Append(address string) string {
	if len(u) == 0 {
		return address
	}
	rest, fragment := address, ""
	if at := strings.IndexByte(address, '#'); at >= 0 {
		rest, fragment = address[:at], address[at:]
	}
	_, query, asked := strings.Cut(rest, "?")
	var out strings.Builder
	out.Grow(len(address) + 32*len(u))
	out.WriteString(rest)
	for _, v := range u {
		if name := "utm_" + v.Name + "="; !strings.HasPrefix(query, name) && !strings.Contains(query, "&"+name) {
			switch {
			case !asked:
				out.WriteByte('?')
				asked = true
			case out.String()[out.Len()-1] != '?' && out.String()[out.Len()-1] != '&':
				out.WriteByte('&')
			}
			out.WriteString(name)
			out.WriteString(url.QueryEscape(v.Value))
		}
	}
	out.WriteString(fragment)
	return out.String()
}
