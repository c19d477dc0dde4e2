package app_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// A body lies in memory before anybody looks at it. Who shows no key is cut off before much of it is there.
func TestBodiesOfStrangersAreSmall(t *testing.T) {
	s := startServer(t, func(c *config.Config) { c.AdminKey = "the admin key" })
	for _, c := range []struct {
		path, header string
		size         int
		refused      bool
	}{
		{"/p/x", "", 100 << 10, true},
		{"/v1/send", "", 4_000_000, true},
		{"/v1/batch", "", 400 << 10, false}, // the key may stand in it
		{"/v1/batch", "Authorization: Basic YTo=\r\n", 1 << 20, true},
		{"/callbacks/sms", "", 3 << 20, false}, // as Meta's may be
		{"/callbacks/sms", "", 3<<20 + 1, true},
		{"/api/journeys/x/check", "X-Stagecraft: 1\r\n", 1 << 20, true},
		{"/api/journeys/x/check", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(":the admin key")) + "\r\n", 1 << 20, false},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n", c.path, c.size, c.header)
		if !c.refused { // who is refused has the answer without a byte of it
			fmt.Fprint(conn, strings.Repeat("x", c.size))
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if refused := err == nil && response.StatusCode == http.StatusRequestEntityTooLarge; refused != c.refused {
			t.Errorf("%s with %d bytes and %q: %+v, %v", c.path, c.size, c.header, response, err)
		}
		conn.Close()
	}
}

// Who only announces bodies, without a key, fills no memory: room is made for what headers announce before it comes.
func TestBodiesAnnouncedWithoutAKeyAreBoundedTogether(t *testing.T) {
	s := startServer(t)
	address := strings.TrimPrefix(s.url, "http://")
	for range 128 << 20 / 500_000 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\n")
	}
	// Answers come before a byte of the body.
	announce := func(header string) *http.Response {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		fmt.Fprintf(conn, "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n%s\r\n", header)
		response, _ := http.ReadResponse(bufio.NewReader(conn), nil)
		return response
	}
	s.eventually("what is on its way is counted", func() bool {
		response := announce("")
		return response != nil && response.StatusCode == http.StatusTooManyRequests && response.Header.Get("Retry-After") == "1"
	})
	if response := announce("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(key+":")) + "\r\n"); response != nil {
		t.Errorf("with a key in its header a body is not waited for: %d", response.StatusCode)
	}
	if status, _, _ := s.call("POST", "/v1/track", map[string]any{"userId": "ada", "event": "Order"}); status != http.StatusOK {
		t.Errorf("an event: %d", status)
	}
}

// Who sends tests from the console cannot flood a mailbox, nor write to whoever has complained.
func TestTestsAreBounded(t *testing.T) {
	dir := t.TempDir()
	writeScripts(t, dir, map[string]string{
		"care/journey.lua":                 "journey { title = \"Care\", stages = { \"welcome\" } }\n",
		"care/welcome.lua":                 "on(\"Ask\", function(customer) send \"hello\" end)\n",
		"care/messages/hello.email.liquid": "---\nsubject: Hi\nkind: transactional\n---\nHi\n",
	})
	s := startServer(t, func(c *config.Config) { c.Scripts = dir })
	s.setMode("care", lifecycle.Live)
	s.must("POST", "/v1/identify", map[string]any{"userId": "u-1", "traits": map[string]any{"email": "ada@example.com"}})
	status := 0
	for n := 0; n < 100 && status != http.StatusTooManyRequests; n++ {
		status, _, _ = s.call("POST", "/api/journeys/care/messages/test", map[string]any{"message": "hello", "user": "u-1", "to": "me@shop.example"})
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("a hundred tests: %d", status)
	}
}

// Numbers that do not fit are refused; they do not come round on the other side.
func TestNumbersThatDoNotFit(t *testing.T) {
	s := startServer(t)
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/v1/inapp/token", `{"userId": "u-1", "seconds": 18446744074}`},
		{"POST", "/v1/inapp/token", `{"userId": "u-1", "seconds": -9223372036854775808}`},
		{"GET", "/api/messages?until=9999-12-31T23:59:59Z", nil},
		{"GET", "/api/messages?from=1600-01-01T00:00:00Z", nil},
		{"POST", "/v1/send", `{"userId": "u-1", "message": "care/hello", "expires": "9999999 days"}`},
	} {
		if status, text, _ := s.call(c.method, c.path, c.body); status != http.StatusBadRequest {
			t.Errorf("%s %v: %d %s", c.path, c.body, status, text)
		}
	}
}

// What was announced is not counted any more when it has come, or when whoever announced it has gone.
func TestBodiesThatNeverComeAreForgotten(t *testing.T) {
	s := startServer(t)
	address := strings.TrimPrefix(s.url, "http://")
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	taken := func() bool {
		conn := dial()
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		body := `{"writeKey":"` + key + `","batch":[{"type":"track","userId":"ada","event":"Order"}]}` + strings.Repeat(" ", 400_000)
		fmt.Fprintf(conn, "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		return err == nil && response.StatusCode == http.StatusOK
	}
	for round := range 3 {
		for n := range 128 << 20 / 500_000 {
			path, size, sent := "/v1/batch", 500_000, "xxx"
			if n%2 == 0 {
				path, size = "/f/none", 60_000
				if round == 1 {
					sent = strings.Repeat("x", size)
				}
			}
			conn := dial()
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Encoding: none\r\n"+
				"Content-Length: %d\r\n\r\n%s", path, size, sent)
			conn.Close()
		}
		s.eventually("nothing is on its way any more", taken)
	}
	// Those who are gone by the time that they are told to go on.
	event := `{"userId":"ada","event":"Order","writeKey":"` + key + `"}`
	for round := 0; round < 50 && taken(); round++ {
		conns := make([]net.Conn, 1000)
		for n := range conns {
			conns[n] = dial()
		}
		for _, conn := range conns {
			fmt.Fprintf(conn, "POST /v1/track HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%sPOST /v1/batch HTTP/1.1\r\n"+
				"Host: localhost\r\nExpect: 100-continue\r\nContent-Length: 500000\r\n\r\n", len(event), event)
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	}
	s.eventually("those who are gone are forgotten", taken)
}
