package sms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"stagecraft/plugins/channel/words"
)

// settings are what Configure takes, checked and completed; schema.go says what each is.
type settings struct {
	Provider      string   `json:"provider"`
	From          string   `json:"from"`
	MarketingFrom string   `json:"marketing_from"`
	Country       string   `json:"country"`
	Encoding      string   `json:"encoding"`
	MaxParts      int      `json:"max_parts"`
	Connections   int      `json:"connections"`
	Timeout       int      `json:"timeout"`
	CallbackURL   string   `json:"callback_url"`
	StopWords     []string `json:"stop_words"`
	StartWords    []string `json:"start_words"`
	HelpWords     []string `json:"help_words"`
	StopReply     string   `json:"stop_reply"`
	HelpReply     string   `json:"help_reply"`

	AccountSID       string `json:"account_sid"`
	AuthToken        string `json:"auth_token"`
	APIKey           string `json:"api_key"`
	APISecret        string `json:"api_secret"`
	MessagingService string `json:"messaging_service"`
	BaseURL          string `json:"base_url"`

	Method            string   `json:"method"`
	URL               string   `json:"url"`
	Headers           []string `json:"headers"`
	ContentType       string   `json:"content_type"`
	Body              string   `json:"body"`
	Username          string   `json:"username"`
	Secret            string   `json:"secret"`
	Secrets           []string `json:"secrets"`
	BasicAuth         bool     `json:"basic_auth"`
	MarketingKind     string   `json:"marketing_kind"`
	TransactionalKind string   `json:"transactional_kind"`
	ResultPath        string   `json:"result_path"`
	Success           string   `json:"success"`
	Temporary         string   `json:"temporary"`
	IDPath            string   `json:"id_path"`
	ReasonPath        string   `json:"reason_path"`
	CallbackToken     string   `json:"callback_token"`
	ReportID          string   `json:"report_id"`
	ReportOwnID       bool     `json:"report_own_id"`
	ReportStatus      string   `json:"report_status"`
	ReportDelivered   string   `json:"report_delivered"`
	ReportFailed      string   `json:"report_failed"`
	InboundFrom       string   `json:"inbound_from"`
	InboundText       string   `json:"inbound_text"`
	InboundID         string   `json:"inbound_id"`

	timeout                               time.Duration
	words                                 words.Known
	further                               map[string]string // of Secrets, by the places that they fill
	success, temporary, delivered, failed *regexp.Regexp
}

// Values of settings.Provider and settings.Encoding.
const (
	providerTwilio = "twilio"
	providerHTTP   = "http"
	encodingAuto   = "auto"
	encodingPlain  = "plain"
)

var (
	sidForm       = regexp.MustCompile(`^[A-Z]{2}[0-9a-f]{32}$`)
	countryForm   = regexp.MustCompile(`^[1-9][0-9]{0,2}$`)
	secretForm    = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	tokenForm     = regexp.MustCompile(`^[A-Za-z0-9_-]{16,128}$`)
	errGatewayURL = errors.New("url is not an http or https address; write it like https://api.example.com/sms?to={{digits}}, with {{…}} only behind the host")
)

func parseSettings(raw json.RawMessage) (*settings, error) {
	s := &settings{
		Encoding: encodingAuto, MaxParts: 4, Connections: 20, Timeout: 10, BaseURL: "https://api.twilio.com", Method: "POST",
		ContentType: "application/json", ReportID: "id", ReportStatus: "status", ReportDelivered: "(?i)^deliv",
		ReportFailed: "(?i)^(undeliv|fail|reject|expire)", InboundFrom: "from", InboundText: "text",
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, readable(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return nil, errors.New("the settings must be one JSON object")
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	s.timeout, s.words = time.Duration(s.Timeout)*time.Second, words.New(s.StopWords, s.StartWords, s.HelpWords)
	switch s.Provider {
	case providerTwilio:
		return s, s.checkTwilio()
	case providerHTTP:
		return s, s.checkGateway()
	}
	return nil, fmt.Errorf("provider %q is unknown; use twilio or http", s.Provider)
}

// check looks at what both providers have.
func (s *settings) check() error {
	if s.Encoding != encodingAuto && s.Encoding != encodingPlain {
		return fmt.Errorf("encoding %q is unknown; use auto or plain", s.Encoding)
	}
	for _, n := range []struct {
		name        string
		value, most int
	}{{"max_parts", s.MaxParts, 10}, {"connections", s.Connections, maxBatch}, {"timeout", s.Timeout, 25}} {
		if n.value < 1 || n.value > n.most {
			return fmt.Errorf("%s %d is outside of 1 to %d", n.name, n.value, n.most)
		}
	}
	if s.Country != "" && !countryForm.MatchString(s.Country) {
		return fmt.Errorf("country %q is not a calling code; write it like 84", s.Country)
	}
	for name, from := range map[string]string{"from": s.From, "marketing_from": s.MarketingFrom} {
		if len(from) > 64 || strings.ContainsAny(from, "\r\n\x00") {
			return fmt.Errorf("%s is not a sender; write a number like +15005550006, a short code or a brand name", name)
		}
	}
	for name, list := range map[string][]string{"stop_words": s.StopWords, "start_words": s.StartWords, "help_words": s.HelpWords} {
		for _, word := range list {
			if len(words.Fold(word)) == 0 || len(word) > 100 {
				return fmt.Errorf("%s: %q is not a word", name, word)
			}
		}
	}
	if s.CallbackURL = strings.TrimRight(s.CallbackURL, "/"); s.CallbackURL != "" && !plainURL(s.CallbackURL, false) {
		return errors.New("callback_url is not an address; write it like https://news.example.com/callbacks/sms")
	}
	return nil
}

func (s *settings) checkTwilio() error {
	if s.BaseURL = strings.TrimRight(s.BaseURL, "/"); !plainURL(s.BaseURL, true) {
		return errors.New("base_url is not an https address; write it like https://api.twilio.com")
	}
	for _, id := range []struct {
		name, value, prefix string
		required            bool
	}{{"account_sid", s.AccountSID, "AC", true}, {"api_key", s.APIKey, "SK", false}, {"messaging_service", s.MessagingService, "MG", false}} {
		if (id.required || id.value != "") && !(strings.HasPrefix(id.value, id.prefix) && sidForm.MatchString(id.value)) {
			return fmt.Errorf("%s is not what Twilio gives out; it is %s and 32 hex digits", id.name, id.prefix)
		}
	}
	switch {
	case (s.APIKey == "") != (s.APISecret == ""):
		return errors.New("api_key and api_secret belong together; set both or neither")
	case s.AuthToken == "" && s.APIKey == "":
		return errors.New("auth_token is missing; it stands in Twilio's console beside the account SID")
	case s.AuthToken == "" && s.CallbackURL != "":
		return errors.New("auth_token is missing; Twilio's callbacks to callback_url are signed with it")
	case s.From == "" && s.MessagingService == "":
		return errors.New("from or messaging_service is missing; Twilio has to know the sender")
	}
	return nil
}

func (s *settings) checkGateway() error {
	switch {
	case s.URL == "":
		return errors.New("url is missing; the http provider needs the gateway's address")
	case s.Method != "POST" && s.Method != "GET" && s.Method != "PUT":
		return fmt.Errorf("method %q is unknown; use POST, GET or PUT", s.Method)
	case s.Method == "GET" && s.Body != "":
		return errors.New("body cannot be sent by the method GET; put what the gateway needs into url")
	case strings.ContainsFunc(s.ContentType, func(r rune) bool { return r < ' ' || r > '~' }) || !strings.Contains(s.ContentType, "/"):
		return errors.New("content_type is none; write it like application/json")
	case s.BasicAuth && (s.Username == "" || s.Secret == ""):
		return errors.New("basic_auth needs username and secret")
	case s.CallbackToken != "" && !tokenForm.MatchString(s.CallbackToken):
		return errors.New("callback_token is not of 16 to 128 letters, digits, - and _")
	case strings.Contains(s.URL+s.Body, "{{callback}}") && (s.CallbackURL == "" || s.CallbackToken == ""):
		return errors.New("{{callback}} needs callback_url and callback_token")
	}
	s.further = make(map[string]string, len(s.Secrets))
	for _, line := range s.Secrets {
		name, value, _ := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !secretForm.MatchString(name) || value == "" || s.further["secrets."+name] != "" {
			return errors.New("secrets: write each as name: value, with a name of its own of lower case letters, digits and _")
		}
		s.further["secrets."+name] = value
	}
	for _, rule := range []struct {
		name, text string
		into       **regexp.Regexp
	}{{"success", s.Success, &s.success}, {"temporary", s.Temporary, &s.temporary}, {"report_delivered", s.ReportDelivered, &s.delivered}, {"report_failed", s.ReportFailed, &s.failed}} {
		if rule.text == "" && !strings.HasPrefix(rule.name, "report") {
			continue
		}
		compiled, err := regexp.Compile(rule.text)
		if err != nil || rule.text == "" || len(rule.text) > 1000 {
			return fmt.Errorf("%s is not a regular expression; write it like ^100$", rule.name)
		}
		*rule.into = compiled
	}
	return nil
}

// plainURL reports whether a text is an address without query and user; with secure, http only leads to this machine.
func plainURL(text string, secure bool) bool {
	address, err := url.Parse(text)
	if err != nil || address.Hostname() == "" || address.User != nil || address.RawQuery != "" || address.Fragment != "" {
		return false
	}
	ip := net.ParseIP(address.Hostname())
	local := address.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return address.Scheme == "https" || address.Scheme == "http" && (!secure || local)
}

// readable words a JSON error for people who fill in a form. It never quotes a value, which may be a secret.
func readable(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return fmt.Errorf("%s must be of type %s, not %s", kind.Field, kind.Type, kind.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no setting %s; the connector's schema lists them", name)
	}
	return errors.New("the settings must be a JSON object")
}
