package app_test

import (
	"bufio"
	"cmp"
	"net"
	"net/http"
	"strings"
	"testing"

	"stagecraft/app/config"
)

// A proxy on the same machine has the address of the machine. Whoever comes through it is not on the machine.
func TestWhoComesThroughAProxyNeedsTheAdminKey(t *testing.T) {
	s := startServer(t)
	none := func(r *http.Request) { r.Header.Del("Authorization") }
	for _, path := range []string{"/v1/customers", "/v1/keys", "/api/overview", "/metrics", "/"} {
		if status, text, _ := s.call("GET", path, nil, none); status != http.StatusOK {
			t.Fatalf("%s on the machine: %d %s", path, status, text)
		}
		for _, header := range []string{"X-Forwarded-For", "x-forwarded-proto", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via", "CF-Connecting-IP", "True-Client-IP"} {
			status, _, answer := s.call("GET", path, nil, none, func(r *http.Request) { r.Header.Set(header, "8.8.8.8") })
			if status != http.StatusUnauthorized || answer.Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %s: %d", path, header, status)
			}
		}
	}
	forwarded := func(r *http.Request) { r.Header.Set("X-Forwarded-For", "8.8.8.8") }
	if status, text, _ := s.call("GET", "/v1/customers", nil, forwarded); status != http.StatusOK {
		t.Errorf("with the admin key: %d %s", status, text)
	}

	// As nginx asks if it is told nothing but proxy_pass: without a header of its own, in HTTP/1.0.
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err = connection.Write([]byte("GET /v1/customers HTTP/1.0\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(connection).ReadString('\n'); !strings.Contains(line, "401") {
		t.Errorf("a plain proxy: %s", line)
	}

	elsewhere := startServer(t, func(c *config.Config) { c.PublicURL = "https://crm.shop.example" })
	if status, _, _ := elsewhere.call("GET", "/v1/customers", nil, none); status != http.StatusUnauthorized {
		t.Errorf("with a public URL elsewhere: %d", status)
	}
}

// Whoever shows a key is held to it, also on the machine.
func TestAKeyThatMayNotIsNoAbsentKey(t *testing.T) {
	for name, set := range map[string]setting{"on the machine": func(*config.Config) {}, "with an admin key": func(c *config.Config) { c.AdminKey = adminKey }} {
		t.Run(name, func(t *testing.T) { keysAreTold(t, set) })
	}
}

func keysAreTold(t *testing.T, set setting) {
	s := startServer(t, withBrowserKey, set)
	admin := cmp.Or(string(s.cfg.AdminKey), s.key)
	ingest := s.makeKeyWith(admin, `{"name": "shop", "scopes": ["ingest"]}`).Secret
	for _, path := range []string{"/v1/customers", "/v1/keys", "/api/overview"} {
		for secret, want := range map[string]int{browserKey: 403, key: 403, ingest: 403, "nobody's": 401, admin: 200} {
			for how, show := range map[string]func(*http.Request){"bearer": bearer(secret), "basic": func(r *http.Request) { r.SetBasicAuth(secret, "") }} {
				if status, text, _ := s.call("GET", path, nil, show); status != want {
					t.Errorf("%s with %q as %s: %d %s", path, secret, how, status, text)
				}
			}
		}
	}
	for _, path := range []string{"/v1/moves", "/v1/send", "/v1/import", "/v1/consent"} {
		for secret, want := range map[string]int{browserKey: 403, "nobody's": 401, key: 400} {
			if status, text, _ := s.call("POST", path, `{}`, bearer(secret)); status != want {
				t.Errorf("%s with %q: %d %s", path, secret, status, text)
			}
		}
	}
}
