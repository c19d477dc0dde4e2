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

// whole is what goes to the connector: the document around a mail, its links and picture as they are tracked, and, with
// marketing, the headers by which mail programs show a button (RFC 8058) and a line to unsubscribe where the message has
// none of its own. None of it is stored: it is the same in every attempt.
func (d *Delivery) whole(tx store.Reader, m *lifecycle.Message, rendered lifecycle.Rendered) lifecycle.Rendered {
	if lifecycle.KindOf(m.Channel) != "email" || !d.links.Enabled() {
		return Whole(rendered)
	}
	template, err := d.templates.Template(tx, m.Version, m.Name, m.Channel, "")
	if err != nil {
		return Whole(rendered)
	}
	language := languageOf(rendered.Locale)
	rendered = Whole(rendered)
	if m.Kind == lifecycle.Marketing {
		rendered = withUnsubscribe(rendered, d.unsubscribeURL(m, template), d.links.Preferences(m.Customer), language)
	}
	rendered.HTML = d.tracked(m, template, rendered.HTML)
	return rendered
}

// shown is a message as whole sends it, for others to look at: with the same headers and the same line, but what these link to
// leads nowhere, and nothing is tracked.
func (d *Delivery) shown(tx store.Reader, m *lifecycle.Message, rendered lifecycle.Rendered) lifecycle.Rendered {
	language := languageOf(rendered.Locale)
	rendered = Whole(rendered)
	if lifecycle.KindOf(m.Channel) != "email" || m.Kind != lifecycle.Marketing || !d.links.Enabled() {
		return rendered
	}
	template, err := d.templates.Template(tx, m.Version, m.Name, m.Channel, "")
	if err != nil {
		return rendered
	}
	var specimen Scope
	d.specimenLinks(&specimen, m)
	has := func(url string) bool {
		return strings.Contains(rendered.HTML, url) || strings.Contains(rendered.Text, url)
	}
	url, preferences := d.unsubscribeURL(m, template), d.links.Preferences(m.Customer)
	own := has(url)
	if !own {
		url = specimen.Unsubscribe
	}
	if !has(preferences) {
		preferences = specimen.Preferences
	}
	rendered = withUnsubscribe(rendered, url, preferences, language)
	if own && rendered.Headers["List-Unsubscribe"] == "<"+url+">" {
		rendered.Headers["List-Unsubscribe"] = "<" + specimen.Unsubscribe + ">"
	}
	return rendered
}

// withUnsubscribe adds the headers, and the line where the mail has no such link.
func withUnsubscribe(rendered lifecycle.Rendered, url, preferences, language string) lifecycle.Rendered {
	headers := map[string]string{"List-Unsubscribe": "<" + url + ">", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
	for name, value := range rendered.Headers {
		headers[name] = value
	}
	rendered.Headers = headers
	if !strings.Contains(rendered.HTML, url) && !strings.Contains(rendered.Text, url) {
		rendered.Text, rendered.HTML = withFooter(rendered.Text, rendered.HTML, url, preferences, language)
	}
	return rendered
}

// withFooter puts a last line with the links to unsubscribe and to the customer's page into both parts of a mail. One that
// links to the page itself gets the first only.
func withFooter(text, body, unsubscribe, preferences, language string) (string, string) {
	labels := [2]string{"Unsubscribe", "Preferences"}
	if language == "vi" || strings.HasPrefix(language, "vi-") {
		labels = [2]string{"Ngừng nhận thư", "Tùy chọn nhận tin"}
	}
	urls := []string{unsubscribe, preferences}
	if strings.Contains(body, preferences) || strings.Contains(text, preferences) {
		urls = urls[:1]
	}
	var plain, line strings.Builder
	plain.WriteString(strings.TrimRight(text, "\n") + "\n\n--\n")
	line.WriteString(`<p class="sc-foot" style="margin:24px 0 0;text-align:center;font-family:-apple-system,'Segoe UI',Roboto,Arial,sans-serif;font-size:13px">`)
	for i, url := range urls {
		if i > 0 {
			line.WriteString(" &middot; ")
		}
		plain.WriteString(labels[i] + ": " + url + "\n")
		line.WriteString(`<a href="` + html.EscapeString(url) + `" style="color:#5b6470">` + labels[i] + "</a>")
	}
	line.WriteString("</p>\n")
	if body == "" {
		return plain.String(), ""
	}
	return plain.String(), edited(body, insertEdit(nil, body, endOfBody(body), line.String()))
}
