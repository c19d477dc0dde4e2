package sms

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"stagecraft/plugins/channel"
)

// gateway is a provider that takes one HTTP request for each message, as the settings describe it.
type gateway struct {
	settings *settings
	now      func() time.Time
	url      template
	headers  []headerTemplate
	body     template
	escape   func(string) string
	sent     sent
}

type headerTemplate struct {
	name  string
	value template
}

// newGateway reads the templates and tries them out with a message that has everything in it.
func newGateway(s *settings, now func() time.Time) (*gateway, error) {
	g := &gateway{settings: s, now: now, escape: escaping(s.ContentType)}
	var err error
	if g.url, err = parseTemplate("url", s.URL, s.further); err != nil {
		return nil, err
	}
	if g.body, err = parseTemplate("body", s.Body, s.further); err != nil {
		return nil, err
	}
	for _, line := range s.Headers {
		name, value, found := strings.Cut(line, ":")
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		if !found || !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("headers: write each as Name: value")
		}
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Content-Type":
			return nil, fmt.Errorf("headers: %s cannot be set here", name)
		}
		filled, err := parseTemplate("headers", strings.TrimSpace(value), s.further)
		if err != nil {
			return nil, err
		}
		g.headers = append(g.headers, headerTemplate{name, filled})
	}
	return g, g.try()
}

// try checks what the templates make of a message. What the values are cannot change where a request goes: the host stands
// before the first place.
func (g *gateway) try() error {
	if len(g.url) == 0 || g.url[0].place != "" {
		return errGatewayURL
	}
	fixed, err := url.Parse(g.url[0].text)
	if err != nil || fixed.Scheme != "https" && fixed.Scheme != "http" || fixed.Hostname() == "" || fixed.User != nil {
		return errGatewayURL
	}
	if len(g.url) > 1 && fixed.Path == "" && !strings.Contains(g.url[0].text, "?") {
		return errGatewayURL // the first place would stand in the host
	}
	m := &outgoing{id: "0123abcd", to: "+84901234567", from: "\"S&<\\", text: "a \"\\\n<&>%+é", kind: "marketing", size: size{Parts: 1}}
	if _, err := url.Parse(g.url.fill(g.values(m), urlText)); err != nil {
		return errGatewayURL
	}
	if strings.Contains(strings.ToLower(g.settings.ContentType), "json") && g.settings.Body != "" {
		if _, err := parseJSON([]byte(g.body.fill(g.values(m), g.escape))); err != nil {
			return fmt.Errorf("body is not JSON when a message is filled in; write places of texts between quotes, such as \"to\": \"{{to}}\"")
		}
	}
	return nil
}

// values are what stands in the places for a message.
func (g *gateway) values(m *outgoing) map[string]string {
	s := g.settings
	kind, unicode := m.kind, "0"
	switch {
	case m.kind == "marketing" && s.MarketingKind != "":
		kind = s.MarketingKind
	case m.kind != "marketing" && s.TransactionalKind != "":
		kind = s.TransactionalKind
	}
	if m.size.Unicode {
		unicode = "1"
	}
	callback := ""
	if s.CallbackURL != "" {
		callback = s.CallbackURL + "/" + s.CallbackToken + "/status/" + url.PathEscape(m.id)
	}
	values := map[string]string{
		"to": m.to, "digits": m.to[1:], "national": national(m.to, s.Country), "from": m.from, "text": m.text, "id": m.id,
		"kind": kind, "parts": strconv.Itoa(m.size.Parts), "unicode": unicode, "username": s.Username, "secret": s.Secret, "callback": callback,
	}
	maps.Copy(values, s.further)
	return values
}

func (g *gateway) request(ctx context.Context, m *outgoing) (*http.Request, error) {
	values := g.values(m)
	request, err := http.NewRequestWithContext(ctx, g.settings.Method, g.url.fill(values, urlText), strings.NewReader(g.body.fill(values, g.escape)))
	if err != nil {
		return nil, fmt.Errorf("the gateway's address cannot be used")
	}
	if g.settings.Body == "" {
		request.Body, request.GetBody, request.ContentLength = nil, nil, 0
	} else {
		request.Header.Set("Content-Type", g.settings.ContentType)
	}
	if g.settings.BasicAuth {
		request.SetBasicAuth(g.settings.Username, g.settings.Secret)
	}
	for _, h := range g.headers {
		request.Header.Set(h.name, h.value.fill(values, headerText))
	}
	return request, nil
}

// judge goes by the status, and by the rules of the settings where there are any. An answer that was cut off or in which
// the rules find nothing leaves the message in doubt: the gateway may have taken it.
func (g *gateway) judge(a *answer) verdict {
	s := g.settings
	value, _ := parseJSON(a.body)
	result, found := strings.TrimSpace(string(a.body)), true
	if s.ResultPath != "" {
		result, found = at(value, s.ResultPath)
	}
	said := result
	if s.ReasonPath != "" {
		if words, ok := at(value, s.ReasonPath); ok {
			said = strings.TrimSpace(result + " " + words)
			if s.ResultPath == "" {
				said = words
			}
		}
	}
	reason := fmt.Sprintf("the gateway answered %d %s", a.status, http.StatusText(a.status))
	if said = quote(g.hide(said)); said != "" {
		reason += ": " + said
	}
	v := verdict{Receipt: channel.Receipt{Outcome: channel.Permanent, Reason: reason}}
	switch {
	case found && s.temporary != nil && s.temporary.MatchString(result) || a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable:
		v.Outcome, v.RetryAfter, v.general = channel.Temporary, max(a.retryAfter, time.Second), true
	case a.status == http.StatusUnauthorized || a.status == http.StatusPaymentRequired || a.status == http.StatusForbidden:
		v.Outcome, v.RetryAfter, v.general = channel.Temporary, setupRest, true
	case a.status == http.StatusRequestTimeout || a.status == http.StatusTooEarly:
		v.Outcome, v.RetryAfter = channel.Temporary, a.retryAfter
	case a.status >= 500:
		v.Outcome = channel.InDoubt
	case a.status >= 300 && a.status < 400:
		v.Reason += "; redirects are not followed, put the address itself into url"
	case a.status < 200 || a.status >= 300:
	case s.success == nil || found && s.success.MatchString(result):
		v.Receipt = channel.Receipt{Outcome: channel.Accepted}
		if s.IDPath != "" {
			v.providerID, _ = at(value, s.IDPath)
			v.refer = !s.ReportOwnID
		}
	case !found || !a.whole:
		v.Outcome, v.Reason = channel.InDoubt, reason+"; the answer is cut off or has no result_path"
	}
	return v
}

// hide takes the secrets out of what the gateway said, in case it repeats what it was sent.
func (g *gateway) hide(text string) string {
	secrets := append(slices.Collect(maps.Values(g.settings.further)), g.settings.Secret, g.settings.CallbackToken)
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(strings.ReplaceAll(text, secret, "…"), urlText(secret), "…")
		}
	}
	return text
}

func (g *gateway) took(messageID, providerID string) { g.sent.remember(providerID, messageID) }
