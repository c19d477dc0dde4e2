package email

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"os"
	"strings"
	"time"
)

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "E-mail",
  "description": "Sends through a mail server by SMTP.",
  "type": "object",
  "additionalProperties": false,
  "required": ["host", "from"],
  "properties": {
    "host": {"type": "string", "minLength": 1, "title": "Server", "description": "The mail server's name."},
    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "title": "Port",
      "description": "587 unless security is tls (465) or none (25)."},
    "security": {"type": "string", "enum": ["starttls", "tls", "opportunistic", "none"], "default": "starttls", "title": "Encryption",
      "description": "starttls: required after the greeting. tls: from the first byte. opportunistic: when the server offers it. none: never."},
    "username": {"type": "string", "title": "User name"},
    "password": {"type": "string", "format": "password", "writeOnly": true, "title": "Password"},
    "from": {"type": "string", "minLength": 3, "title": "Sender", "description": "Address, with a name: Shop <hello@example.com>"},
    "connections": {"type": "integer", "minimum": 1, "maximum": 50, "default": 4, "title": "Connections",
      "description": "How many connections to the server may be open at once."},
    "timeout": {"type": "integer", "minimum": 1, "maximum": 600, "default": 30, "title": "Timeout",
      "description": "Seconds to wait for each answer of the server."},
    "helo": {"type": "string", "title": "Own name", "description": "The name to greet the server with; this machine's name if empty."},
    "ca_file": {"type": "string", "title": "Certificate authority",
      "description": "A PEM file with the certificates to trust instead of the system's."},
    "dkim": {"type": "array", "maxItems": 4, "title": "DKIM keys", "description": "Each message is signed with each of them.",
      "items": {"type": "object", "additionalProperties": false, "required": ["selector"], "properties": {
        "selector": {"type": "string", "minLength": 1, "title": "Selector"},
        "domain": {"type": "string", "title": "Domain", "description": "The sender's if empty."},
        "key": {"type": "string", "format": "password", "writeOnly": true, "title": "Private key", "description": "RSA or Ed25519, PEM."},
        "key_file": {"type": "string", "title": "File with the private key", "description": "Instead of the key itself."}}}},
    "return_path": {"type": "string", "title": "Return path",
      "description": "Where bounces go: bounces@mail.example.com. Mail to bounces+anything@ must arrive there too."},
    "bounce_secret": {"type": "string", "format": "password", "writeOnly": true, "minLength": 16, "title": "Secret of the return path",
      "description": "At least 16 characters. It proves that a bounce or complaint is about a message of ours; keep it when you move."},
    "bounce_folder": {"type": "string", "title": "Bounce folder", "description": "The Maildir where bounces and complaints arrive."},
    "bounce_poll": {"type": "integer", "minimum": 1, "maximum": 3600, "default": 10, "title": "Look for bounces",
      "description": "Every so many seconds."},
    "callback_secret": {"type": "string", "format": "password", "writeOnly": true, "minLength": 16, "title": "Secret of the callback",
      "description": "What a service that hands on bounces has to show: as a bearer token, or as the password of basic authentication."},
    "rate_per_domain": {"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0}, "title": "Rate by domain",
      "description": "Messages a second by the recipient's domain; * stands for each domain that is not named. What is not marketing counts and never waits."},
    "warm_up": {"type": "object", "additionalProperties": false, "required": ["target", "state"], "title": "Warm-up",
      "description": "A new sender's marketing begins with little and grows each day. What is too much for a day waits for the next one.",
      "properties": {
        "start": {"type": "integer", "minimum": 1, "default": 50, "title": "First day", "description": "Messages on the first day."},
        "growth": {"type": "number", "minimum": 1, "maximum": 900, "default": 50, "title": "Growth", "description": "Percent a day."},
        "target": {"type": "integer", "minimum": 1, "title": "Target", "description": "Messages a day; once these may leave, the ramp has ended."},
        "state": {"type": "string", "minLength": 1, "title": "State", "description": "The whole path of a file that keeps how far it is, of each sender's domain."}}},
    "max_bounces": {"type": "number", "minimum": 0, "maximum": 100, "default": 5, "title": "Bounce limit",
      "description": "Percent of the last day's messages that may bounce for good before marketing is paused; 0 is no limit."},
    "max_complaints": {"type": "number", "minimum": 0, "maximum": 100, "default": 0.3, "title": "Complaint limit",
      "description": "Percent of the last day's messages that may be complained about before marketing is paused; 0 is no limit."},
    "pause_after": {"type": "integer", "minimum": 1, "default": 500, "title": "Smallest sample",
      "description": "So many messages a day before the two limits count."},
    "check_dns": {"type": "boolean", "default": true, "title": "Check the domain",
      "description": "Look up SPF, DKIM and DMARC of the sender's domain twice a day."}
  }
}`

// settings are what Configure takes, checked and completed.
type settings struct {
	Host        string `json:"host"`
	Port        int    `json:"port"`
	Security    string `json:"security"`
	Username    string `json:"username"`
	Password    string `json:"password"`
	From        string `json:"from"`
	Connections int    `json:"connections"`
	Timeout     int    `json:"timeout"`
	Helo        string `json:"helo"`
	CAFile      string `json:"ca_file"`

	DKIM           []signingKey       `json:"dkim"`
	ReturnPath     string             `json:"return_path"`
	BounceSecret   string             `json:"bounce_secret"`
	BounceFolder   string             `json:"bounce_folder"`
	BouncePoll     int                `json:"bounce_poll"`
	CallbackSecret string             `json:"callback_secret"`
	RatePerDomain  map[string]float64 `json:"rate_per_domain"`
	WarmUp         *warmUp            `json:"warm_up"` // nil: there is no ramp
	MaxBounces     float64            `json:"max_bounces"`
	MaxComplaints  float64            `json:"max_complaints"`
	PauseAfter     int                `json:"pause_after"`
	CheckDNS       bool               `json:"check_dns"`

	from    address
	returns *returns // nil where bounces are not read
	timeout time.Duration
	tls     *tls.Config
}

// Values of settings.Security.
const (
	startTLS      = "starttls"
	implicitTLS   = "tls"
	opportunistic = "opportunistic"
	noTLS         = "none"
)

func parseSettings(raw json.RawMessage) (*settings, error) {
	s := &settings{
		Security: startTLS, Connections: 4, Timeout: 30, BouncePoll: 10, MaxBounces: 5, MaxComplaints: 0.3, PauseAfter: 500, CheckDNS: true,
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, readable(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the settings must be one JSON object")
	}
	if s.Host == "" || strings.ContainsAny(s.Host, " \t\r\n/@") {
		return nil, fmt.Errorf("host %q is not a server's name; write it like mail.example.com", s.Host)
	}
	ports := map[string]int{startTLS: 587, implicitTLS: 465, opportunistic: 587, noTLS: 25}
	port, ok := ports[s.Security]
	if !ok {
		return nil, fmt.Errorf("security %q is unknown; use starttls, tls, opportunistic or none", s.Security)
	}
	if s.Port == 0 {
		s.Port = port
	}
	if s.Port < 1 || s.Port > 65535 {
		return nil, fmt.Errorf("port %d is outside of 1 to 65535", s.Port)
	}
	if s.Connections < 1 || s.Connections > 50 {
		return nil, fmt.Errorf("connections %d is outside of 1 to 50", s.Connections)
	}
	if s.Timeout < 1 || s.Timeout > 600 {
		return nil, fmt.Errorf("timeout %d is outside of 1 to 600 seconds", s.Timeout)
	}
	s.timeout = time.Duration(s.Timeout) * time.Second
	if (s.Username == "") != (s.Password == "") {
		return nil, errors.New("username and password belong together; set both or neither")
	}
	if s.Username != "" && s.Security == noTLS && !local(s.Host) {
		return nil, errors.New("security none would send the password for everyone to read; use starttls or tls, or leave username and password out")
	}
	from, err := mail.ParseAddress(s.From)
	if err != nil {
		return nil, fmt.Errorf("from %q is not an address; write it like Shop <hello@example.com>", s.From)
	}
	if s.from, err = newAddress(from); err != nil {
		return nil, fmt.Errorf("from %q: %w", s.From, err)
	}
	if s.Helo == "" {
		s.Helo = ownName()
	} else if !isHostname(s.Helo) {
		return nil, fmt.Errorf("helo %q is not a host name", s.Helo)
	}
	for _, prepare := range []func() error{s.trust, s.loadKeys, s.prepareReturns, s.checkLimits, s.checkWarmUp} {
		if err := prepare(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// trust prepares how the server is verified.
func (s *settings) trust() error {
	s.tls = &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	if s.CAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return fmt.Errorf("ca_file cannot be read: %w", err)
	}
	s.tls.RootCAs = x509.NewCertPool()
	if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("ca_file %s holds no certificate in PEM form", s.CAFile)
	}
	return nil
}

// readable words a JSON error for people who fill in a form. It never quotes a value, which may be a password.
func readable(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return fmt.Errorf("%s must be of type %s, not %s", kind.Field, kind.Type, kind.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no setting %s; the connector's schema lists those that there are", name)
	}
	return errors.New("the settings must be a JSON object")
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ownName is this machine's name for the greeting, or the literal address that RFC 5321 4.1.3 allows instead.
func ownName() string {
	if name, err := os.Hostname(); err == nil && isHostname(name) && strings.Contains(name, ".") {
		return name
	}
	return "localhost"
}

func isHostname(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-[]:", r)) {
			return false
		}
	}
	return true
}
