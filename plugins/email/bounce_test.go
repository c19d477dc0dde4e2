package email_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/email"
)

const bounceSettings = `,"return_path":"bounces@Mail.shop.example","bounce_secret":"0123456789abcdef","callback_secret":"fedcba9876543210"`

// dsn is a delivery status notification as servers write it, about the mail data that was sent from a return path.
func dsn(to, fields, returned string) string {
	return strings.ReplaceAll(fmt.Sprintf(`Return-Path: <>
Delivered-To: %s
From: MAILER-DAEMON@mx.example.com (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary="B/x"

This is a MIME-encapsulated message.

--B/x
Content-Type: text/plain

I'm sorry to have to inform you.

--B/x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com
Arrival-Date: Tue, 14 Nov 2023 22:13:20 +0000

Final-Recipient: rfc822; person-0@example.com
%s

--B/x
Content-Type: text/rfc822-headers

%s

--B/x--
`, to, fields, returned), "\n", "\r\n")
}

func arf(kind, fields, returned string) string {
	return fmt.Sprintf("From: fbl@provider.example\nTo: abuse@shop.example\nMIME-Version: 1.0\n"+
		"Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\nContent-Type: text/plain\n\nA complaint.\n"+
		"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: %s\nUser-Agent: x/1\nVersion: 1\n%s\n\n--b\nContent-Type: message/rfc822\n\n%s\n\nHello\n--b--\n",
		kind, fields, returned)
}

// sent sends a message and returns where its bounces go and its Message-ID.
func sent(t testing.TB, box *inbox, c *email.Connector, id string) (path, messageID string) {
	t.Helper()
	m := message(0)
	m.ID, m.To = id, "person-"+id[:min(8, len(id))]+"@example.com"
	if r := c.Send(t.Context(), []channel.Message{m})[0]; r.Outcome != channel.Accepted {
		t.Fatalf("%+v", r)
	}
	box.mu.Lock()
	defer box.mu.Unlock()
	l := box.letters[m.To][0]
	_, after, _ := strings.Cut(string(l.data), "\r\nMessage-ID: ")
	messageID, _, _ = strings.Cut(strings.TrimSpace(after), "\r\n")
	return l.from, messageID
}

func post(t testing.TB, c *email.Connector, kind, body string) (int, []channel.Report) {
	t.Helper()
	reply, reports := c.Callback(t.Context(), channel.Callback{
		Method: "POST", Headers: map[string]string{"content-type": kind, "authorization": "Bearer fedcba9876543210"}, Body: []byte(body),
	})
	return reply.Status, reports
}

func TestReturns(t *testing.T) {
	box, port := serve(t, nil, nil)
	c := open(t, settings(port, `,"security":"none"`+bounceSettings))
	const id = "0a0b0c0d0e0f000102030405060708090a0b0c0d0e0f00010203"
	const long = "ffffffff0e0f000102030405060708090a0b0c0d0e0f000102030a0b0c0d0e0f00010203040506070809"
	path, messageID := sent(t, box, c, id[:52])
	plain, longID := sent(t, box, c, long[:80])
	if local, _, _ := strings.Cut(path, "@"); len(local) > 64 || !strings.HasPrefix(path, "bounces+") || plain != "bounces@mail.shop.example" {
		t.Errorf("return paths %s, %s", path, plain)
	}
	failed := func(status, diagnostic string) string {
		return "Action: failed\nStatus: " + status + "\nDiagnostic-Code: smtp; " + diagnostic
	}
	for name, test := range map[string]struct{ mail, id, event, kind string }{
		"hard":                 {dsn(path, failed("5.1.1", "550 5.1.1 no such\n user"), ""), id, "bounced", "hard"},
		"hard by its words":    {dsn(path, failed("5.0.0", "550 User unknown"), ""), id, "bounced", "hard"},
		"upper case":           {dsn(strings.ToUpper(path), failed("5.1.1", "x"), ""), id, "bounced", "hard"},
		"full":                 {dsn(path, failed("5.2.2", "552 5.2.2 mailbox full"), ""), id, "bounced", "soft"},
		"policy":               {dsn(path, failed("5.0.0", "550 5.7.1 user unknown to our filter"), ""), id, "bounced", "soft"},
		"expired":              {dsn(path, failed("4.4.7", "connect timed out"), ""), id, "bounced", "soft"},
		"delayed":              {dsn(path, "Action: delayed\nStatus: 4.4.1", ""), "", "", ""},
		"delivered":            {dsn(path, "Action: delivered\nStatus: 2.0.0", ""), id, "delivered", ""},
		"by the Message-ID":    {dsn("x@y.example", failed("5.1.1", "x"), "Message-ID: "+messageID), id, "bounced", "hard"},
		"a long ID":            {dsn(plain, failed("5.1.1", "x"), "Subject: x\nMessage-Id:\n "+longID), long[:80], "bounced", "hard"},
		"by the returned path": {dsn("x@y.example", failed("5.1.1", "x"), "Return-Path: <"+path+">"), id, "bounced", "hard"},
		"nobody's":             {dsn("x@y.example", failed("5.1.1", "x"), ""), "", "", ""},
		"complaint":            {arf("abuse", "Original-Mail-From: <"+path+">", "Subject: x"), id, "complained", ""},
		"complaint by ID":      {arf("Fraud", "", "Message-ID: "+messageID), id, "complained", ""},
		"not spam":             {arf("not-spam", "", "Message-ID: "+messageID), "", "", ""},
		"opt-out":              {arf("opt-out", "", "Message-ID: "+messageID), id, "unsubscribed", ""},
		"a program's answer":   {"To: " + path + "\nAuto-Submitted: auto-replied\nSubject: Away\n\nI am away until Monday.", "", "", ""},
	} {
		status, reports := post(t, c, "message/rfc822", test.mail)
		if status != 200 || len(reports) > 1 || (len(reports) == 0) != (test.event == "") {
			t.Errorf("%s: %d %+v", name, status, reports)
			continue
		}
		if test.event != "" && (reports[0].ID != test.id || reports[0].Event != test.event || reports[0].Data["kind"] != test.kind || reports[0].Date.IsZero()) {
			t.Errorf("%s: %+v", name, reports[0])
		}
	}
	// No changed token is taken for ours.
	local, domain, _ := strings.Cut(path, "@")
	for i := len("bounces+"); i < len(local); i++ {
		for _, c2 := range "a2q7" {
			if changed := local[:i] + string(c2) + local[i+1:]; changed != local {
				if _, reports := post(t, c, "", dsn(changed+"@"+domain, failed("5.1.1", "x"), "")); reports != nil {
					t.Fatalf("%s is taken", changed)
				}
			}
		}
	}
	for i := range strings.IndexByte(messageID, '@') - 1 {
		changed := messageID[:i+1] + "b" + messageID[i+2:]
		if _, reports := post(t, c, "", arf("abuse", "", "Message-ID: "+changed)); changed != messageID && reports != nil {
			t.Fatalf("%s is taken", changed)
		}
	}
}

func TestCallback(t *testing.T) {
	box, port := serve(t, nil, nil)
	c := open(t, settings(port, `,"security":"none"`+bounceSettings))
	path, _ := sent(t, box, c, "0123456789abcdef")
	mail := dsn(path, "Action: failed\nStatus: 5.1.1", "")
	form := "--f\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\nx\r\n--f\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\n" + mail + "\r\n--f--\r\n"
	bearer := "Bearer fedcba9876543210"
	for _, test := range []struct {
		method, authorization, kind, body string
		status, reports                   int
	}{
		{"POST", bearer, "message/rfc822", mail, 200, 1},
		{"POST", "Basic " + base64.StdEncoding.EncodeToString([]byte("x:fedcba9876543210")), "", mail, 200, 1},
		{"POST", bearer, "application/x-www-form-urlencoded", url.Values{"body-mime": {mail}}.Encode(), 200, 1},
		{"POST", bearer, "multipart/form-data; boundary=f", form, 200, 1},
		{"POST", bearer, "multipart/form-data; boundary=g", form, 400, 0},
		{"POST", bearer, "", "", 400, 0}, {"GET", bearer, "", mail, 405, 0},
		{"POST", "Bearer fedcba9876543211", "", mail, 401, 0}, {"POST", "", "", mail, 401, 0}, {"POST", "Basic !", "", mail, 401, 0},
	} {
		reply, reports := c.Callback(t.Context(), channel.Callback{
			Method: test.method, Headers: map[string]string{"content-type": test.kind, "authorization": test.authorization}, Body: []byte(test.body),
		})
		if reply.Status != test.status || len(reports) != test.reports {
			t.Errorf("%.40q %q: %d %s %+v", test.authorization, test.kind, reply.Status, reply.Body, reports)
		}
	}
	if reply, _ := open(t, settings(port, "")).Callback(t.Context(), channel.Callback{Method: "POST"}); reply.Status != 404 {
		t.Errorf("not configured: %d", reply.Status)
	}
}

func TestFolder(t *testing.T) {
	box, port := serve(t, nil, nil)
	folder := t.TempDir()
	for _, name := range []string{"new", "cur", "tmp"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	drop := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, "new", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set := settings(port, fmt.Sprintf(`,"security":"none","bounce_folder":%q`, folder)+bounceSettings)
	path, messageID := sent(t, box, open(t, set), "0123456789abcdef")
	synctest.Test(t, func(t *testing.T) {
		c := open(t, set)
		drop("1", dsn(path, "Action: failed\nStatus: 5.1.1", ""))
		drop("2", "nothing of interest")
		heard := make(chan channel.Report, 9)
		gone := make(chan error, 1)
		go func() {
			gone <- c.Report(t.Context(), func(r channel.Report) error {
				heard <- r
				if r.Event == "complained" {
					return errors.New("the host is gone")
				}
				return nil
			})
		}()
		synctest.Wait()
		if r := <-heard; r.Event != "bounced" || r.ID != "0123456789abcdef" {
			t.Errorf("%+v", r)
		}
		if left, _ := filepath.Glob(filepath.Join(folder, "new", "*")); left != nil {
			t.Errorf("left: %v", left)
		}
		if read, _ := filepath.Glob(filepath.Join(folder, "cur", "*:2,S")); len(read) != 2 {
			t.Errorf("read: %v", read)
		}
		drop("3", arf("abuse", "", "Message-ID: "+messageID))
		time.Sleep(11 * time.Second)
		if err := <-gone; err == nil {
			t.Error("went on without a host")
		}
		if left, _ := filepath.Glob(filepath.Join(folder, "new", "*")); len(left) != 1 {
			t.Errorf("a mail whose report was not heard was put away: %v", left)
		}
		if err := c.Health(t.Context()); err != nil {
			t.Errorf("%v", err)
		}
	})
}

// FuzzReturns reads whatever may arrive: nothing that lacks a token of ours is ever about a message.
func FuzzReturns(f *testing.F) {
	f.Add([]byte(dsn("bounces+aeaq@mail.shop.example", "Action: failed\nStatus: 5.1.1", "Message-ID: <a.b@shop.example>")))
	f.Add([]byte(arf("abuse", "Original-Mail-From: <>", ": x\n y")))
	f.Add([]byte("Content-Type: multipart/report; boundary=\"\"\n\n--\n\n----"))
	c := open(f, settings(25, `,"security":"none"`+bounceSettings))
	f.Fuzz(func(t *testing.T, mail []byte) {
		if _, reports := post(t, c, "message/rfc822", string(mail)); reports != nil {
			t.Errorf("%+v", reports)
		}
		_, _ = post(t, c, "multipart/form-data; boundary=b", string(mail))
	})
}
