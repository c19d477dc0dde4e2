package email_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What somebody answers names the message, by the return path or by the message IDs that mail programs quote, and brings
// what was written without what was quoted.
func TestAnswersNameTheirMessage(t *testing.T) {
	const id = "0123456789abcdef"
	box, port := serve(t, nil, nil)
	c := open(t, settings(port, `,"security":"none"`+bounceSettings))
	path, messageID := sent(t, box, c, id)
	date := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	mail := func(fields, body string) string {
		return "From: Ada <ada@example.com>\nDate: " + date.Format(time.RFC1123Z) + "\nSubject: Re: hello\n" + fields + "\n\n" + body
	}
	const twoParts = "Content-Type: multipart/alternative; boundary=b\n"
	for name, test := range map[string]struct{ mail, text string }{
		"return path":    {mail("To: "+path, "Yes, please.\n\n> Hello\n> Are you coming?\n"), "Yes, please."},
		"in reply to":    {mail("To: shop@example.com\nIn-Reply-To: "+messageID, "Thanks"), "Thanks"},
		"references":     {mail("To: shop@example.com\nReferences: <x@y.example>\n "+messageID+" <z@y.example>", "Thanks\n-- \nAda"), "Thanks"},
		"base64":         {mail("To: "+path+"\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64", "Q8OzIG\nzDoA=="), "Có là"},
		"quoted":         {mail("To: "+path+"\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable", "C=C3=B3"), "Có"},
		"alternative":    {mail("To: "+path+"\n"+twoParts, "--b\nContent-Type: text/html\n\n<p>Yes</p>\n--b\nContent-Type: text/plain\n\nYes\n--b--\n"), "Yes"},
		"nothing to say": {mail("To: "+path+"\nContent-Type: text/html", "<p>Yes</p>"), ""},
	} {
		_, reports := post(t, c, "message/rfc822", strings.ReplaceAll(test.mail, "\n", "\r\n"))
		if len(reports) != 1 || reports[0].ID != id || reports[0].Event != "replied" || reports[0].Data["text"] != test.text || !reports[0].Date.Equal(date) {
			t.Errorf("%s: %+v", name, reports)
		}
	}
	for name, fields := range map[string]string{
		"notice of absence": "To: " + path + "\nAuto-Submitted: auto-replied",
		"list":              "To: " + path + "\nPrecedence: bulk",
		"server":            "Return-Path: <>\nTo: " + path,
		"somebody else's":   "To: shop@example.com\nIn-Reply-To: <0123456789abcdef.aaaa@shop.example>",
	} {
		if _, reports := post(t, c, "message/rfc822", mail(fields, "Yes")); reports != nil {
			t.Errorf("%s: %+v", name, reports)
		}
	}
	_, reports := post(t, c, "message/rfc822", fmt.Sprintf("Date: Mon, 1 Jan 2001 00:00:00 +0000\nTo: %s\n\nHello", path))
	if len(reports) != 1 || time.Since(reports[0].Date) > time.Minute {
		t.Errorf("a date that cannot be believed: %+v", reports)
	}
}
