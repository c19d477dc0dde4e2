package delivery

import (
	"strings"

	"golang.org/x/net/html"

	"stagecraft/app/lifecycle"
)

// The numbers of the document that mailDocument makes. Should that change, or what htmlToText makes of HTML, they become
// other numbers, and these stay what they are: retries send the same bytes.
const (
	mailLayout   = 1
	markupLayout = 2 // besides, the text part is what htmlToText makes of the body, and is not stored
)

// Whole puts the document around the body of a mail that RenderParts has made. Anything else stays as it is.
func Whole(rendered lifecycle.Rendered) lifecycle.Rendered {
	if rendered.Layout == markupLayout && rendered.Text == "" {
		rendered.Text = htmlToText(rendered.HTML)
	}
	if rendered.Layout == mailLayout || rendered.Layout == markupLayout {
		rendered.HTML = mailDocument(rendered.HTML, rendered.Subject, rendered.Preheader, rendered.Locale)
		rendered.Layout, rendered.Preheader, rendered.Locale = 0, "", ""
	}
	return rendered
}

// mailDocument puts a body into a complete HTML document that mail clients show alike: one centred column of at most
// 600 px built of tables, inline styles, light and dark. A body that is a document of its own stays as it is, but for
// the preheader, which goes to the start of its <body>. The preheader is hidden text: what an inbox shows beside the
// subject.
func mailDocument(body, subject, preheader, locale string) string {
	hidden := ""
	if preheader != "" {
		hidden = `<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">` + html.EscapeString(preheader) + "</div>\n"
	}
	if isDocument(body) {
		return withPreheader(body, hidden)
	}
	language, direction := languageOf(locale), ""
	if language != "" {
		if strings.Contains(" ar fa he ur ", " "+strings.SplitN(language, "-", 2)[0]+" ") {
			direction = ` dir="rtl"`
		}
		language = ` lang="` + html.EscapeString(language) + `"`
	}
	var out strings.Builder
	out.Grow(len(body) + 1800)
	out.WriteString("<!doctype html>\n<html")
	out.WriteString(language)
	out.WriteString(direction)
	out.WriteString(">\n<head>\n" +
		`<meta charset="utf-8">` + "\n" +
		`<meta name="viewport" content="width=device-width, initial-scale=1">` + "\n" +
		`<meta name="color-scheme" content="light dark">` + "\n" +
		`<meta name="supported-color-schemes" content="light dark">` + "\n" +
		"<title>")
	out.WriteString(html.EscapeString(subject))
	out.WriteString("</title>\n" +
		"<style>\n:root { color-scheme: light dark; }\nimg { max-width: 100%; height: auto; }\n" +
		"@media (prefers-color-scheme: dark) {\n" +
		"  .sc-page { background: #16181d !important; }\n" +
		"  .sc-body { background: #22252c !important; color: #e8eaed !important; }\n" +
		"  .sc-body a { color: #8ab4f8 !important; }\n  .sc-foot a { color: #a4acb8 !important; }\n}\n</style>\n</head>\n" +
		`<body class="sc-page" style="margin:0;padding:0;background:#f4f5f7">` + "\n")
	out.WriteString(hidden)
	out.WriteString(`<table class="sc-page" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="background:#f4f5f7">` + "\n" +
		`<tr><td align="center" style="padding:24px 12px">` + "\n" +
		`<table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0" style="width:100%;max-width:600px">` + "\n" +
		`<tr><td class="sc-body" style="padding:32px;background:#ffffff;color:#1f2328;border-radius:8px;` +
		`font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5">` + "\n")
	out.WriteString(strings.TrimSpace(body))
	out.WriteString("\n</td></tr>\n</table>\n</td></tr>\n</table>\n</body>\n</html>\n")
	return out.String()
}

// isDocument reports whether HTML brings its own <html>.
func isDocument(body string) bool {
	start := strings.TrimLeft(body, " \t\r\n\uFEFF")
	start = strings.ToLower(start[:min(len(start), 9)])
	return strings.HasPrefix(start, "<!doctype") || strings.HasPrefix(start, "<html")
}

// withPreheader puts hidden text behind the <body …> tag of a document, if it has one.
func withPreheader(document, hidden string) string {
	if hidden == "" {
		return document
	}
	tokens, at := html.NewTokenizer(strings.NewReader(document)), 0
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return document
		}
		at += len(tokens.Raw())
		if name, _ := tokens.TagName(); kind == html.StartTagToken && string(name) == "body" {
			return document[:at] + "\n" + hidden + document[at:]
		}
	}
}

// languageOf is a template's locale as HTML wants it ("pt_BR" is "pt-BR"); one with other characters is "".
func languageOf(locale string) string {
	locale = strings.ReplaceAll(strings.ToLower(locale), "_", "-")
	for _, c := range locale {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return ""
		}
	}
	return locale
}
