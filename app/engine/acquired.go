package engine

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
)

// Bounds of what is kept of the first touch.
const (
	maxTouchText = 200 // bytes of a source, medium or campaign
	maxTouchURL  = 500
)

// newcomer is how old a customer may be who comes by a friend's link. Whoever was here before was not brought by anybody.
const newcomer = 24 * time.Hour

// touch is what an event says about where its customer comes from: the Segment specification's context.page and
// context.campaign, and what a form says.
type touch struct {
	Page struct {
		URL      string `json:"url"`
		Referrer string `json:"referrer"`
	} `json:"page"`
	Campaign struct {
		Source string `json:"source"`
		Medium string `json:"medium"`
		Name   string `json:"name"`
	} `json:"campaign"`
	Form string `json:"form"`
}

// acquire keeps what the customer's first touch says. One that comes late, but was before, takes its place.
func (s *session) acquire(event *lifecycle.Event, late bool) {
	c := s.customer
	if c.Acquired != nil && !late || !bytes.Contains(event.Context, []byte(`"page"`)) && !bytes.Contains(event.Context, []byte(`"campaign"`)) {
		return
	}
	at := s.now
	if late {
		at = event.Timestamp
	}
	if c.Acquired != nil && !at.Before(c.Acquired.At) {
		return
	}
	var t touch
	if json.Unmarshal(event.Context, &t) != nil {
		return
	}
	if a := s.touched(&t); a != nil {
		a.At = at
		c.Acquired = a
	}
}

// touched reads a touch; nil if it says nothing.
func (s *session) touched(t *touch) *lifecycle.Acquisition {
	a := &lifecycle.Acquisition{Source: t.Campaign.Source, Medium: t.Campaign.Medium, Campaign: t.Campaign.Name}
	page, err := url.Parse(t.Page.URL)
	if err != nil || page.Host == "" {
		page = &url.URL{}
	}
	query := page.Query()
	for name, into := range map[string]*string{"utm_source": &a.Source, "utm_medium": &a.Medium, "utm_campaign": &a.Campaign} {
		if *into == "" {
			*into = query.Get(name)
		}
	}
	if code := query.Get("ref"); code != "" {
		if by, ok := s.engine.referrals.owner(code); ok {
			if s.mayBring(by) {
				a.By = by
			}
			code = "referral"
		}
		if a.Source == "" {
			a.Source, a.Medium = code, "referral"
		}
	}
	if page.Host != "" {
		a.Landing = (&url.URL{Scheme: page.Scheme, Host: page.Host, Path: page.Path}).String()
	}
	if from, err := url.Parse(t.Page.Referrer); err == nil && from.Host != "" && !strings.EqualFold(from.Host, page.Host) {
		a.Referrer = (&url.URL{Scheme: from.Scheme, Host: from.Host, Path: from.Path}).String()
		if a.Source == "" {
			a.Source, a.Medium = strings.TrimPrefix(strings.ToLower(from.Hostname()), "www."), "link"
		}
	}
	if a.Source == "" && t.Form != "" {
		a.Source, a.Medium = t.Form, "form"
	}
	if *a == (lifecycle.Acquisition{}) {
		return nil
	}
	if a.Source == "" {
		a.Source = "direct"
	}
	for _, text := range []*string{&a.Source, &a.Medium, &a.Campaign} {
		*text = bounded(*text, maxTouchText)
	}
	a.Referrer, a.Landing = bounded(a.Referrer, maxTouchURL), bounded(a.Landing, maxTouchURL)
	return a
}

// mayBring reports whether somebody may have brought this customer: they are new, and not the same person.
func (s *session) mayBring(by lifecycle.ID) bool {
	c := s.customer
	return by != c.ID && !hasIdentity(c, by) && s.now.Sub(c.Created) < newcomer
}

// hasIdentity reports whether an ID was that of one of the customer's identities.
func hasIdentity(c *lifecycle.Customer, id lifecycle.ID) bool {
	for _, identity := range c.Identities {
		if identity.Hash() == id {
			return true
		}
	}
	return false
}

// bounded cuts a text, and makes it valid.
func bounded(text string, limit int) string {
	text = strings.TrimSpace(text)
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.ToValidUTF8(text, "")
}

// takeAcquired keeps the earlier first touch of two who become one. Who was a customer already was not brought by a friend
// later.
func (s *session) takeAcquired(loser *lifecycle.Customer) {
	c := s.customer
	a := c.Acquired
	if theirs := loser.Acquired; theirs != nil && (a == nil || theirs.At.Before(a.At)) {
		a = theirs
	}
	if a != nil {
		kept := *a
		if !kept.By.IsZero() && (c.Created.Before(kept.At.Add(-newcomer)) || kept.By == c.ID || hasIdentity(c, kept.By)) {
			kept.By = lifecycle.ID{}
		}
		c.Acquired = &kept
	}
	if c.Referred.IsZero() || !loser.Referred.IsZero() && loser.Referred.Before(c.Referred) {
		c.Referred = loser.Referred
	}
}
