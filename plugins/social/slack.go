package social

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

// slack is an app of a workspace (docs.slack.dev, chat.postMessage and the Events API).
type slack struct {
	line
	token, signing string
}

// Limits of Slack's.
const (
	maxSlack    = 40_000          // characters; longer texts would be cut
	slackWindow = 5 * time.Minute // how old a callback may be
)

var slackChannel = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,30}$`)

// slackEscaped keeps a text from becoming mentions and links: these three characters are control characters there.
var slackEscaped = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

var slackPlain = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

func (s *slack) send(ctx context.Context, _, to string, m *channel.Message) channel.Receipt {
	switch {
	case !slackChannel.MatchString(to):
		return refused("the address is not a channel of Slack's; write slack: and the ID of a channel or a person, such as slack:C0123ABCD")
	case strings.TrimSpace(m.Text) == "":
		return refused("the message has no text")
	case letters(m.Text) > maxSlack:
		return refused("the text has more than 40000 characters, which Slack would cut")
	}
	if wait := s.paused(); wait != nil {
		return *wait
	}
	a, out := s.post(ctx, "/chat.postMessage", map[string]string{"Authorization": "Bearer " + s.token},
		map[string]any{"channel": to, "text": slackEscaped.Replace(m.Text)})
	if out != nil {
		return *out
	}
	var got struct {
		OK      *bool  `json:"ok"`
		Error   string `json:"error"`
		Needed  string `json:"needed"`
		Channel string `json:"channel"`
		Stamp   string `json:"ts"`
	}
	if json.Unmarshal(a.body, &got) != nil || got.OK == nil || a.code >= 300 && got.Error == "" {
		return s.unexpected(a)
	}
	if *got.OK {
		return s.took(m, got.Channel+"/"+got.Stamp, got.Channel)
	}
	return s.judge(s.clean(got.Error), s.clean(got.Needed), channel.RetryAfter(a.header.Get("Retry-After"), s.now()))
}

func (s *slack) judge(code, needed string, wait time.Duration) channel.Receipt {
	reason := "Slack refused it: " + code
	switch code {
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "org_login_required", "access_denied",
		"team_access_not_granted", "ekm_access_denied", "two_factor_setup_required":
		return s.misconfigured(reason+"; set slack.token to the app's bot token", true)
	case "missing_scope", "no_permission", "not_allowed_token_type":
		if needed == "" {
			needed = "chat:write"
		}
		return s.misconfigured(reason+"; give the app the scope "+needed, false)
	case "ratelimited", "rate_limited", "message_limit_exceeded":
		return s.limited(reason, wait)
	case "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited":
		return later(reason, wait)
	case "fatal_error", "internal_error": // documented: some of it may have been done
		return doubtful(reason)
	case "channel_not_found", "user_not_found", "is_archived", "user_disabled":
		return gone(reason)
	case "not_in_channel":
		return refused(reason + "; invite the app into the channel")
	}
	return refused(reason)
}

func (s *slack) callback(c *channel.Callback) (channel.Reply, []channel.Report) {
	if c.Method != http.MethodPost {
		return wrongMethod(), nil
	}
	stamp := c.Headers["x-slack-request-timestamp"]
	signature, ok := strings.CutPrefix(c.Headers["x-slack-signature"], "v0=")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if age := s.now().Sub(time.Unix(at, 0)).Abs(); err != nil || age > slackWindow {
		ok = false // an old one, repeated by somebody else
	}
	if !ok || !signedBy(s.signing, signature, "v0:", stamp, ":", string(c.Body)) {
		return unsigned(), nil
	}
	var got struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
		Event     struct {
			Type    string `json:"type"`
			Subtype string `json:"subtype"`
			Bot     string `json:"bot_id"`
			Channel string `json:"channel"`
			User    string `json:"user"`
			Text    string `json:"text"`
			Stamp   string `json:"ts"`
			Thread  string `json:"thread_ts"`
		} `json:"event"`
	}
	if json.Unmarshal(c.Body, &got) != nil {
		return unreadable(), nil
	}
	if got.Type == "url_verification" {
		return reply(http.StatusOK, got.Challenge), nil
	}
	e := got.Event
	if e.Type != "message" || e.Subtype != "" || e.Bot != "" || e.Channel == "" || e.Text == "" {
		return understood(), nil
	}
	from := "slack:" + e.Channel
	direct := strings.HasPrefix(e.Channel, "D") // a conversation with one person
	last, known := s.sent.find(e.Channel)
	switch {
	case known:
		from = last.to // a person's ID, where we wrote to that
	case direct && e.User != "":
		from = "slack:" + e.User
	}
	whole, _, _ := strings.Cut(e.Stamp, ".")
	r := said(from, slackPlain.Replace(e.Text), e.Stamp, seconds(json.Number(whole), s.now()))
	switch {
	case e.Thread != "":
		r.ID, r.Reference = s.about(e.Channel + "/" + e.Thread)
	case direct && !known:
		r.Reference = s.reference(e.Channel) // before a restart we may have written there
	}
	if e.User != "" && r.Data != nil {
		r.Data["user"] = cut(e.User, 64)
	}
	reports := []channel.Report{r}
	if from != "slack:"+e.Channel && r.Event != "replied" { // the trait may be the ID of the conversation
		r.ID, r.Reference, r.From = "", "", "slack:"+e.Channel
		reports = append(reports, r)
	}
	return understood(), reports
}
