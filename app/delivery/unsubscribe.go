package delivery

import (
	"html"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// unsubscribeURL returns the link by which the customer refuses further messages about this topic on this channel. What
// somebody is owed has none.
func (d *Delivery) unsubscribeURL(m *lifecycle.Message, template *lifecycle.Template) string {
	if m.Kind != lifecycle.Marketing {
		return ""
	}
	return d.links.Unsubscribe(m.Customer, m.Ref(), m.Channel, template.Front["topic"])
}

// whole is what goes to the connector: the document around a mail, and, with marketing, the headers by which mail programs
// show a button (RFC 8058) and a line to unsubscribe where the message has none of its own. None of it is stored: it is the
// same in every attempt.
func (d *Delivery) whole(tx store.Reader, m *lifecycle.Message, rendered lifecycle.Rendered) lifecycle.Rendered {
	if m.Kind != lifecycle.Marketing || m.Channel != "email" || !d.links.Enabled() {
		return Whole(rendered)
	}
	template, err := d.templates.Template(tx, m.Version, m.Name, m.Channel, "")
	if err != nil {
		return Whole(rendered)
	}
	url := d.unsubscribeURL(m, template)
	language := languageOf(rendered.Locale)
	rendered = Whole(rendered)
	headers := map[string]string{"List-Unsubscribe": "<" + url + ">", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
	for name, value := range rendered.Headers {
		headers[name] = value
	}
	rendered.Headers = headers
	if !strings.Contains(rendered.HTML, url) && !strings.Contains(rendered.Text, url) {
		rendered.Text, rendered.HTML = withUnsubscribe(rendered.Text, rendered.HTML, url, language)
	}
	return rendered
}

// withUnsubscribe puts a last line with the link into both parts of a mail.
func withUnsubscribe(text, body, url, language string) (string, string) {
	label := "Unsubscribe"
	if language == "vi" || strings.HasPrefix(language, "vi-") {
		label = "Ngừng nhận thư"
	}
	text = strings.TrimRight(text, "\n") + "\n\n--\n" + label + ": " + url + "\n"
	if body == "" {
		return text, ""
	}
	line := `<p style="margin:24px 0 0;text-align:center;font-family:-apple-system,'Segoe UI',Roboto,Arial,sans-serif;font-size:13px">` +
		`<a href="` + html.EscapeString(url) + `" style="color:#6b7280">` + label + "</a></p>\n"
	if at := strings.LastIndex(strings.ToLower(body), "</body>"); at >= 0 {
		return text, body[:at] + line + body[at:]
	}
	return text, body + line
}
