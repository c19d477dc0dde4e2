package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Webhook",
  "description": "Posts JSON to other programs.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "secret": {"type": "string", "format": "password", "writeOnly": true, "title": "Signing secret",
      "description": "whsec_ and 24 to 64 bytes in base64. Receivers check the Webhook-Signature with it; without one there is none."},
    "former_secret": {"type": "string", "format": "password", "writeOnly": true, "title": "Former signing secret",
      "description": "While receivers change over to a new secret, posts are signed with this one too."},
    "allow": {"type": "array", "items": {"type": "string", "minLength": 1}, "title": "Allowed hosts",
      "description": "Names or addresses, as they stand in the URL, that may be in the own network: loopback, private and link-local addresses are refused otherwise."},
    "timeout": {"type": "integer", "minimum": 1, "maximum": 25, "default": 10, "title": "Timeout",
      "description": "Seconds that one request may take, with connecting and the answer."}
  }
}`

// settings are what Configure takes, checked and completed.
type settings struct {
	Secret  string   `json:"secret"`
	Former  string   `json:"former_secret"`
	Allow   []string `json:"allow"`
	Timeout int      `json:"timeout"`

	keys    [][]byte // what is signed with: none, one, or the new one and the former
	allowed map[string]bool
	timeout time.Duration
}

func parseSettings(raw json.RawMessage) (*settings, error) {
	s := &settings{Timeout: 10, allowed: map[string]bool{}}
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
	for _, host := range s.Allow {
		if host = hostName(host); host == "" || strings.ContainsAny(host, "/@ *?") {
			return nil, fmt.Errorf("allow: %q is not a host; write a name or an address without http:// and port, such as hooks.example.com", host)
		}
		s.allowed[host] = true
	}
	if s.Former != "" && s.Secret == "" {
		return nil, errors.New("former_secret is of no use without secret; set both, or secret alone")
	}
	for _, given := range [...]struct{ name, text string }{{"secret", s.Secret}, {"former_secret", s.Former}} {
		if given.text == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(given.text, "whsec_"))
		if err != nil || len(key) < 24 || len(key) > 64 {
			return nil, fmt.Errorf("%s is not a signing secret; write whsec_ and 24 to 64 bytes in base64", given.name)
		}
		s.keys = append(s.keys, key)
	}
	return s, nil
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
		return fmt.Errorf("there is no setting %s; there are secret, former_secret, allow and timeout", name)
	}
	return errors.New("the settings must be a JSON object")
}
