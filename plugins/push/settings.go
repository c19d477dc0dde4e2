package push

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/url"
	"strings"
	"time"
)

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Push",
  "description": "Shows notifications in browsers (Web Push) and in apps (Firebase Cloud Messaging). Set up one of them or both.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "vapid_private_key": {"type": "string", "format": "password", "writeOnly": true, "title": "Web Push: private key",
      "description": "The private VAPID key, 32 bytes in base64url. Keep it for good: a browser's subscription is bound to it."},
    "vapid_public_key": {"type": "string", "title": "Web Push: public key",
      "description": "The key that the web site subscribes with. It follows from the private one; given here, it is checked against it."},
    "contact": {"type": "string", "title": "Web Push: contact",
      "description": "Where push services can reach you when something is wrong: mailto:push@example.com or an https address. Needed with the private key."},
    "icon": {"type": "string", "format": "uri", "title": "Icon",
      "description": "https address of the picture that is shown in browsers beside notifications that name none themselves."},
    "fcm_service_account": {"type": "string", "format": "password", "writeOnly": true, "title": "Firebase: service account",
      "description": "The whole text of the JSON key file of a service account that may send (Firebase console, Project settings, Service accounts)."},
    "fcm_url": {"type": "string", "format": "uri", "default": "https://fcm.googleapis.com", "title": "Firebase: server",
      "description": "Where Firebase Cloud Messaging is reached."},
    "ttl": {"type": "integer", "minimum": 0, "maximum": 2419200, "default": 86400, "title": "Time to live",
      "description": "Seconds for which a notification waits for a device that is not reachable. 0: now or never. A message may say otherwise."},
    "allow": {"type": "array", "items": {"type": "string", "minLength": 1}, "title": "Allowed hosts",
      "description": "Names or addresses, as they stand in a subscription, of push services in the own network. Others must be on the public internet and speak https."},
    "timeout": {"type": "integer", "minimum": 1, "maximum": 25, "default": 10, "title": "Timeout",
      "description": "Seconds that one notification may take, with connecting and the answer."}
  }
}`

// Bounds and values of settings.
const (
	maxTTL     = 28 * 24 * 3600 // seconds, of FCM
	defaultTTL = 24 * 3600
	defaultFCM = "https://fcm.googleapis.com"
)

// settings are what Configure takes, checked and completed.
type settings struct {
	PrivateKey     string   `json:"vapid_private_key"`
	PublicKey      string   `json:"vapid_public_key"`
	Contact        string   `json:"contact"`
	Icon           string   `json:"icon"`
	ServiceAccount string   `json:"fcm_service_account"`
	FCM            string   `json:"fcm_url"`
	TTL            int      `json:"ttl"`
	Allow          []string `json:"allow"`
	Timeout        int      `json:"timeout"`

	vapid   *vapid   // nil without a key
	account *account // nil without a service account
	allowed map[string]bool
	timeout time.Duration
}

func parseSettings(raw json.RawMessage) (*settings, error) {
	s := &settings{FCM: defaultFCM, TTL: defaultTTL, Timeout: 10, allowed: map[string]bool{}}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, readable(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return nil, errors.New("the settings must be one JSON object")
	}
	if s.PrivateKey == "" && s.ServiceAccount == "" {
		return nil, errors.New("there is nothing to send with; set vapid_private_key and contact for browsers, fcm_service_account for apps, or both")
	}
	for _, check := range []func() error{s.checkWebPush, s.checkFCM, s.checkHosts} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if s.TTL < 0 || s.TTL > maxTTL {
		return nil, fmt.Errorf("ttl %d is outside of 0 to %d seconds", s.TTL, maxTTL)
	}
	if s.Timeout < 1 || s.Timeout > 25 {
		return nil, fmt.Errorf("timeout %d is outside of 1 to 25 seconds", s.Timeout)
	}
	if s.Icon != "" && !isWebAddress(s.Icon) {
		return nil, fmt.Errorf("icon %q is not an address; write it like https://example.com/icon.png", s.Icon)
	}
	s.timeout = time.Duration(s.Timeout) * time.Second
	return s, nil
}

func (s *settings) checkWebPush() error {
	if s.PrivateKey == "" {
		if s.PublicKey != "" {
			return errors.New("vapid_public_key is of no use without vapid_private_key; set both or neither")
		}
		return nil
	}
	if !isContact(s.Contact) {
		return fmt.Errorf("contact %q is not an address that push services can reach you at; write it like mailto:push@example.com or https://example.com/contact", s.Contact)
	}
	key, err := newVAPID(s.PrivateKey, s.Contact)
	if err != nil {
		return fmt.Errorf("vapid_private_key %w", err)
	}
	if s.PublicKey != "" && strings.TrimRight(s.PublicKey, "=") != key.public {
		return fmt.Errorf("vapid_public_key is not that of vapid_private_key, which is %s", key.public)
	}
	s.vapid = key
	return nil
}

func (s *settings) checkFCM() (err error) {
	if !isServer(s.FCM) {
		return fmt.Errorf("fcm_url %q is not a server's https address; leave it out for Google's", s.FCM)
	}
	s.FCM = strings.TrimRight(s.FCM, "/")
	if s.ServiceAccount == "" {
		return nil
	}
	if s.account, err = parseAccount(s.ServiceAccount); err != nil {
		return fmt.Errorf("fcm_service_account %w", err)
	}
	return nil
}

func (s *settings) checkHosts() error {
	for _, host := range s.Allow {
		if host = hostName(host); host == "" || strings.ContainsAny(host, "/@ *?") {
			return fmt.Errorf("allow: %q is not a host; write a name or an address without https:// and port, such as push.example.com", host)
		}
		s.allowed[host] = true
	}
	return nil
}

// isContact reports whether a contact is what RFC 8292, 2.1 asks for. A local one is refused because Apple refuses every
// notification that names it.
func isContact(text string) bool {
	host := ""
	if address, ok := strings.CutPrefix(text, "mailto:"); ok {
		parsed, err := mail.ParseAddress(address)
		if err != nil || parsed.Address != address {
			return false
		}
		host = address[strings.LastIndexByte(address, '@')+1:]
	} else if target, err := url.Parse(text); err == nil && target.Scheme == "https" {
		host = target.Hostname()
	}
	return strings.Contains(host, ".") && host != "127.0.0.1" && !strings.HasSuffix(host, ".local") && !strings.HasSuffix(host, ".localhost")
}

// isWebAddress reports whether a text is the https address of something.
func isWebAddress(text string) bool {
	target, err := url.Parse(text)
	return err == nil && target.Scheme == "https" && target.Host != "" && target.User == nil
}

// isServer reports whether credentials may go to an address: over https, or within this machine.
func isServer(text string) bool {
	if isWebAddress(text) {
		return true
	}
	target, err := url.Parse(text)
	if err != nil || target.Scheme != "http" || target.User != nil {
		return false
	}
	ip := net.ParseIP(target.Hostname())
	return target.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// hostName is a host in the form in which hosts are compared.
func hostName(host string) string {
	return strings.ToLower(strings.TrimSuffix(strings.Trim(strings.TrimSpace(host), "[]"), "."))
}

// readable words a JSON error for people who fill in a form. It never quotes a value, which may be a secret.
func readable(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return fmt.Errorf("%s must be of type %s, not %s", kind.Field, kind.Type, kind.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no setting %s; there are vapid_private_key, vapid_public_key, contact, icon, fcm_service_account, fcm_url, ttl, allow and timeout", name)
	}
	return errors.New("the settings must be a JSON object")
}
