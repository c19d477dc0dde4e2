package social

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Social",
  "description": "Sends through Telegram, Slack, WhatsApp, Messenger and Zalo. Each is set up by its own group; at least one is needed.",
  "type": "object",
  "additionalProperties": false,
  "minProperties": 1,
  "properties": {
    "telegram": {
      "type": "object", "title": "Telegram", "additionalProperties": false, "required": ["token"],
      "properties": {
        "token": {"type": "string", "format": "password", "writeOnly": true, "minLength": 1, "title": "Bot token", "description": "As @BotFather shows it: 123456:ABC…"},
        "callback_secret": {"type": "string", "format": "password", "writeOnly": true, "title": "Callback secret",
          "description": "The secret_token given to setWebhook, which names /callbacks/social/telegram. Without one no callback is believed."},
        "url": {"type": "string", "format": "uri", "default": "https://api.telegram.org", "title": "Address of the API"}
      }
    },
    "slack": {
      "type": "object", "title": "Slack", "additionalProperties": false, "required": ["token"],
      "properties": {
        "token": {"type": "string", "format": "password", "writeOnly": true, "minLength": 1, "title": "Bot token", "description": "xoxb-…, with the scope chat:write."},
        "signing_secret": {"type": "string", "format": "password", "writeOnly": true, "title": "Signing secret",
          "description": "Of the app, whose events go to /callbacks/social/slack. Without one no callback is believed."},
        "url": {"type": "string", "format": "uri", "default": "https://slack.com/api", "title": "Address of the API"}
      }
    },
    "whatsapp": {
      "type": "object", "title": "WhatsApp", "additionalProperties": false, "required": ["token", "phone_number_id"],
      "properties": {
        "token": {"type": "string", "format": "password", "writeOnly": true, "minLength": 1, "title": "Access token", "description": "Of a system user, so that it does not expire."},
        "phone_number_id": {"type": "string", "pattern": "^[0-9]{1,32}$", "title": "Phone number ID"},
        "language": {"type": "string", "minLength": 2, "default": "en_US", "title": "Language", "description": "Of templates whose message names none."},
        "app_secret": {"type": "string", "format": "password", "writeOnly": true, "title": "App secret",
          "description": "Checks the callbacks at /callbacks/social/whatsapp. Without one none is believed."},
        "verify_token": {"type": "string", "format": "password", "writeOnly": true, "title": "Verify token", "description": "The one that is written beside the callback address."},
        "url": {"type": "string", "format": "uri", "default": "https://graph.facebook.com/v25.0", "title": "Address of the API, with its version"}
      }
    },
    "messenger": {
      "type": "object", "title": "Messenger", "additionalProperties": false, "required": ["token", "page_id"],
      "properties": {
        "token": {"type": "string", "format": "password", "writeOnly": true, "minLength": 1, "title": "Page access token"},
        "page_id": {"type": "string", "pattern": "^[0-9]{1,32}$", "title": "Page ID"},
        "app_secret": {"type": "string", "format": "password", "writeOnly": true, "title": "App secret",
          "description": "Checks the callbacks at /callbacks/social/messenger. Without one none is believed."},
        "verify_token": {"type": "string", "format": "password", "writeOnly": true, "title": "Verify token", "description": "The one that is written beside the callback address."},
        "url": {"type": "string", "format": "uri", "default": "https://graph.facebook.com/v25.0", "title": "Address of the API, with its version"}
      }
    },
    "zalo": {
      "type": "object", "title": "Zalo", "additionalProperties": false, "required": ["app_id", "app_secret", "refresh_token", "state"],
      "properties": {
        "app_id": {"type": "string", "pattern": "^[0-9]{1,32}$", "title": "App ID"},
        "app_secret": {"type": "string", "format": "password", "writeOnly": true, "minLength": 1, "title": "App secret key"},
        "refresh_token": {"type": "string", "format": "password", "writeOnly": true, "minLength": 1, "title": "Refresh token",
          "description": "Of the Official Account's authorisation. It is used once; those that follow are kept in the state file. Another one here begins anew."},
        "state": {"type": "string", "minLength": 1, "title": "State file", "description": "Where the changing tokens are kept encrypted, for this connector only."},
        "oa_secret": {"type": "string", "format": "password", "writeOnly": true, "title": "OA secret key",
          "description": "Checks the callbacks at /callbacks/social/zalo. Without one none is believed."},
        "url": {"type": "string", "format": "uri", "default": "https://openapi.zalo.me", "title": "Address of the Official Account API"},
        "zns_url": {"type": "string", "format": "uri", "default": "https://business.openapi.zalo.me", "title": "Address of the Notification Service"},
        "oauth_url": {"type": "string", "format": "uri", "default": "https://oauth.zaloapp.com/v4/oa/access_token", "title": "Address where tokens are changed"}
      }
    },
    "timeout": {"type": "integer", "minimum": 1, "maximum": 25, "default": 8, "title": "Timeout", "description": "Seconds that one request may take."}
  }
}`

// settings are what Configure takes, checked and completed.
type settings struct {
	Telegram  *telegramSettings  `json:"telegram"`
	Slack     *slackSettings     `json:"slack"`
	WhatsApp  *whatsappSettings  `json:"whatsapp"`
	Messenger *messengerSettings `json:"messenger"`
	Zalo      *zaloSettings      `json:"zalo"`
	Timeout   int                `json:"timeout"`

	timeout time.Duration
}

type telegramSettings struct {
	Token  string `json:"token"`
	Secret string `json:"callback_secret"`
	URL    string `json:"url"`
}

type slackSettings struct {
	Token  string `json:"token"`
	Secret string `json:"signing_secret"`
	URL    string `json:"url"`
}

type whatsappSettings struct {
	Token    string `json:"token"`
	Number   string `json:"phone_number_id"`
	Language string `json:"language"`
	Secret   string `json:"app_secret"`
	Verify   string `json:"verify_token"`
	URL      string `json:"url"`
}

type messengerSettings struct {
	Token  string `json:"token"`
	Page   string `json:"page_id"`
	Secret string `json:"app_secret"`
	Verify string `json:"verify_token"`
	URL    string `json:"url"`
}

type zaloSettings struct {
	App       string `json:"app_id"`
	AppSecret string `json:"app_secret"`
	Refresh   string `json:"refresh_token"`
	State     string `json:"state"`
	Secret    string `json:"oa_secret"`
	URL       string `json:"url"`
	ZNS       string `json:"zns_url"`
	OAuth     string `json:"oauth_url"`
}

func parseSettings(raw json.RawMessage) (*settings, error) {
	s := &settings{Timeout: 8}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, readable(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return nil, errors.New("the settings must be one JSON object")
	}
	if s.Timeout < 1 || s.Timeout > 25 {
		return nil, fmt.Errorf("timeout %d is outside of 1 to 25 seconds", s.Timeout)
	}
	s.timeout = time.Duration(s.Timeout) * time.Second
	var c checks
	if t := s.Telegram; t != nil {
		c.secret("telegram.token", t.Token)
		c.url("telegram.url", &t.URL, "https://api.telegram.org")
	}
	if t := s.Slack; t != nil {
		c.secret("slack.token", t.Token)
		c.url("slack.url", &t.URL, "https://slack.com/api")
	}
	if t := s.WhatsApp; t != nil {
		c.secret("whatsapp.token", t.Token)
		c.number("whatsapp.phone_number_id", t.Number)
		if t.Language == "" {
			t.Language = "en_US"
		}
		c.url("whatsapp.url", &t.URL, graphURL)
	}
	if t := s.Messenger; t != nil {
		c.secret("messenger.token", t.Token)
		c.number("messenger.page_id", t.Page)
		c.url("messenger.url", &t.URL, graphURL)
	}
	if t := s.Zalo; t != nil {
		c.number("zalo.app_id", t.App)
		c.secret("zalo.app_secret", t.AppSecret)
		c.secret("zalo.refresh_token", t.Refresh)
		if t.State == "" {
			c.add("zalo.state is missing; name the file in which the tokens are kept")
		}
		c.url("zalo.url", &t.URL, "https://openapi.zalo.me")
		c.url("zalo.zns_url", &t.ZNS, "https://business.openapi.zalo.me")
		c.url("zalo.oauth_url", &t.OAuth, "https://oauth.zaloapp.com/v4/oa/access_token")
	}
	if s.Telegram == nil && s.Slack == nil && s.WhatsApp == nil && s.Messenger == nil && s.Zalo == nil {
		c.add("no network is set up; there are telegram, slack, whatsapp, messenger and zalo")
	}
	return s, c.err
}

const graphURL = "https://graph.facebook.com/v25.0"

// checks keeps the first thing that is wrong. Secrets are never quoted.
type checks struct{ err error }

func (c *checks) add(text string) {
	if c.err == nil {
		c.err = errors.New(text)
	}
}

// printable is what may stand in a header.
var printable = regexp.MustCompile(`^[!-~]+$`)

func (c *checks) secret(name, value string) {
	if value == "" {
		c.add(name + " is missing")
	} else if !printable.MatchString(value) {
		c.add(name + " holds spaces or other characters that a token cannot have")
	}
}

func (c *checks) number(name, value string) {
	if !digits.MatchString(value) {
		c.add(name + " must be a number, written as text in quotes")
	}
}

func (c *checks) url(name string, value *string, fallback string) {
	if *value == "" {
		*value = fallback
	}
	*value = strings.TrimRight(*value, "/")
	at, err := url.Parse(*value)
	if err != nil || at.Scheme != "https" && at.Scheme != "http" || at.Host == "" || at.User != nil || at.RawQuery != "" || at.Fragment != "" {
		c.add(name + " is not an address; write it like " + fallback)
	}
}

// providers makes the networks of the settings.
func (s *settings) providers(client http.RoundTripper, now func() time.Time) (map[string]provider, error) {
	to := func(l *line, name, base string, secrets ...string) {
		l.name, l.base, l.client, l.timeout, l.now, l.secrets = name, base, client, s.timeout, now, secrets
	}
	all := map[string]provider{}
	if t := s.Telegram; t != nil {
		p := &telegram{token: t.Token, secret: t.Secret}
		to(&p.line, "Telegram", t.URL, t.Token)
		all["telegram"] = p
	}
	if t := s.Slack; t != nil {
		p := &slack{token: t.Token, signing: t.Secret}
		to(&p.line, "Slack", t.URL, t.Token)
		all["slack"] = p
	}
	if t := s.WhatsApp; t != nil {
		p := &whatsapp{graph: graph{token: t.Token, secret: t.Secret, verify: t.Verify}, number: t.Number, language: t.Language}
		to(&p.line, "WhatsApp", t.URL, t.Token)
		all["whatsapp"] = p
	}
	if t := s.Messenger; t != nil {
		p := &messenger{graph: graph{token: t.Token, secret: t.Secret, verify: t.Verify}, page: t.Page}
		to(&p.line, "Messenger", t.URL, t.Token)
		all["messenger"] = p
	}
	if t := s.Zalo; t != nil {
		p := &zalo{notices: t.ZNS, app: t.App, secretOA: t.Secret}
		to(&p.line, "Zalo", t.URL, t.AppSecret, t.Refresh)
		var err error
		if p.tokens, err = newTokens(&p.line, t.OAuth, t.App, t.AppSecret, t.Refresh, t.State); err != nil {
			return nil, err
		}
		all["zalo"] = p
	}
	return all, nil
}

// readable words a JSON error for people who fill in a form. It never quotes a value, which may be a secret.
func readable(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return fmt.Errorf("%s must be of type %s, not %s", kind.Field, kind.Type.Kind(), kind.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no setting %s", name)
	}
	return errors.New("the settings must be a JSON object")
}
