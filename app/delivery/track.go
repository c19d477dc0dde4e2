package delivery

import (
	"html"
	"net/url"
	"strings"

	"stagecraft/app/lifecycle"
)

// trackingOf returns what is tracked of a message: what the server's settings say, and instead of it what the front matter
// says (track, utm). Both were read before the journey was published; what cannot be read is not tracked.
func (d *Delivery) trackingOf(template *lifecycle.Template) lifecycle.Tracking {
	is := d.tracking
	is.UTM = is.UTM.Within(template.Channel)
	if text := template.Front["track"]; text != "" {
		is.Clicks, is.Opens, _ = lifecycle.ParseTracking(text)
	}
	if text := template.Front["utm"]; text == "false" {
		is.UTM = nil
	} else if text != "" {
		own, _ := lifecycle.ParseUTM(text)
		is.UTM = is.UTM.With(own)
	}
	return is
}

// trackedAddress returns an address as it is put into a message: with its UTM parameters, and behind one of ours that follow
// makes of it. Links of ours stay, and so does everything but http and https.
func (d *Delivery) trackedAddress(address string, clicks bool, utm lifecycle.UTM, follow func(string) string) string {
	if d.links.Owns(address) || d.trackLinks.Owns(address) || !leadsOut(address) {
		return address
	}
	address = utm.Append(address)
	if !clicks || len(address) > lifecycle.MaxLinkURL {
		return address
	}
	return follow(address)
}

// tracked puts our own addresses in place of those of a mail's links, and a picture at its end that shows that the mail was
// opened. Links to unsubscribe and to the customer's page stay, and so does everything but http and https. None of it is
// stored: the links are made of the message and a key, and are the same in every attempt.
func (d *Delivery) tracked(m *lifecycle.Message, template *lifecycle.Template, body string) string {
	is := d.trackingOf(template)
	if body == "" || !is.Clicks && !is.Opens && len(is.UTM) == 0 {
		return body
	}
	ref, utm := m.Ref(), is.UTM.For(m)
	var room [16]edit
	edits := room[:0]
	if is.Clicks || len(utm) > 0 {
		edits = editLinks(edits, body, func(address string) string {
			return d.trackedAddress(address, is.Clicks, utm, func(address string) string { return d.trackLinks.Click(ref, address) })
		})
	}
	if is.Opens {
		edits = insertEdit(edits, body, endOfBody(body), `<img src="`+html.EscapeString(d.trackLinks.Open(ref))+
			`" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">`+"\n")
	}
	return edited(body, edits)
}

// leadsOut reports whether an address is one on the web, such that a server may name it in a header.
func leadsOut(address string) bool {
	if len(address) < 8 || !strings.EqualFold(address[:7], "http://") && !strings.EqualFold(address[:8], "https://") {
		return false
	}
	parsed, err := url.Parse(address)
	return err == nil && parsed.Host != ""
}

// endOfBody returns where the end of a document's body stands, or the end of all of it.
func endOfBody(document string) int {
	const end = "</body>"
	for at := len(document) - len(end); at >= 0; at-- {
		if document[at] == '<' && strings.EqualFold(document[at:at+len(end)], end) {
			return at
		}
	}
	return len(document)
}

// editLinks appends the edits by which the addresses of HTML's links change. change gets an address as a browser would
// follow it, and what it returns is escaped. What stands in comments, styles and scripts stays, and so does everything
// behind a tag that does not end. It reads any input and never fails.
func editLinks(edits []edit, source string, change func(address string) string) []edit {
	for at := 0; ; {
		next := strings.IndexByte(source[at:], '<')
		if next < 0 {
			break
		}
		at += next
		name := tagName(source[at:])
		if name == "" {
			at = endOfOther(source, at)
			continue
		}
		at += 1 + len(name)
		from, to, end := hrefOf(source, at) // of every tag, for what looks like one may stand in an attribute
		if end < 0 {
			break
		}
		at = end
		switch {
		case isAny(name, "style", "script", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "plaintext"):
			at = endOfRaw(source, at, name)
		case from < to && isAny(name, "a", "area"):
			value := source[from:to]
			if quote := value[0]; quote == '"' || quote == '\'' {
				value = value[1 : len(value)-1]
			}
			address := strings.TrimSpace(attributeText(value))
			if changed := change(address); changed != address {
				edits = append(edits, edit{from, to, `"` + html.EscapeString(changed) + `"`})
			}
		}
	}
	return edits
}

// tagName returns the name of the tag that begins with the first byte, with its slash if it is an end tag; "" if none does.
func tagName(text string) string {
	end := 1
	if end < len(text) && text[end] == '/' {
		end++
	}
	if end == len(text) || text[end]|0x20 < 'a' || text[end]|0x20 > 'z' {
		return ""
	}
	for end < len(text) && !isSpace(text[end]) && text[end] != '>' && text[end] != '/' {
		end++
	}
	return text[1:end]
}

// endOfOther returns where something ends that begins like a tag and is none: a comment, a declaration, or text.
func endOfOther(source string, at int) int {
	rest := source[at:]
	if !strings.HasPrefix(rest, "<!") && !strings.HasPrefix(rest, "<?") && !strings.HasPrefix(rest, "</") {
		return at + 1
	}
	if !strings.HasPrefix(rest, "<!--") {
		if end := strings.IndexByte(rest, '>'); end >= 0 {
			return at + end + 1
		}
		return len(source)
	}
	if strings.HasPrefix(rest, "<!-->") || strings.HasPrefix(rest, "<!--->") {
		return at + strings.IndexByte(rest, '>') + 1
	}
	for from := at + 4; ; {
		end := strings.Index(source[from:], "--")
		if end < 0 {
			return len(source)
		}
		from += end
		for _, close := range [...]string{"-->", "--!>"} {
			if strings.HasPrefix(source[from:], close) {
				return from + len(close)
			}
		}
		from++
	}
}

func isAny(name string, names ...string) bool {
	for _, n := range names {
		if len(n) == len(name) && strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// endOfRaw returns where the end tag of an element stands whose content is no HTML, or the end of the source.
func endOfRaw(source string, at int, name string) int {
	for {
		next := strings.Index(source[at:], "</")
		if next < 0 {
			return len(source)
		}
		at += next
		rest := source[at+2:]
		if len(rest) > len(name) && strings.EqualFold(rest[:len(name)], name) && (isSpace(rest[len(name)]) || rest[len(name)] == '>' || rest[len(name)] == '/') {
			return at
		}
		at += 2
	}
}

// hrefOf looks through the attributes of a tag from a place behind its name. It returns where the value of the first href
// stands, quotes and all, and where the tag ends; end is -1 if it does not. The rules are those of the HTML standard's
// tokenizer, 13.2.5.32 to 13.2.5.39.
func hrefOf(source string, at int) (from, to, end int) {
	for {
		for at < len(source) && (isSpace(source[at]) || source[at] == '/') {
			at++
		}
		if at >= len(source) {
			return 0, 0, -1
		}
		if source[at] == '>' {
			return from, to, at + 1
		}
		name := at
		at++ // an equals sign may begin a name
		for at < len(source) && !isSpace(source[at]) && source[at] != '=' && source[at] != '>' && source[at] != '/' {
			at++
		}
		href := strings.EqualFold(source[name:at], "href")
		for at < len(source) && isSpace(source[at]) {
			at++
		}
		if at >= len(source) || source[at] != '=' {
			continue
		}
		at++
		for at < len(source) && isSpace(source[at]) {
			at++
		}
		if at >= len(source) {
			return 0, 0, -1
		}
		value := at
		switch quote := source[at]; quote {
		case '>': // a value is missing
		case '"', '\'':
			length := strings.IndexByte(source[at+1:], quote)
			if length < 0 {
				return 0, 0, -1
			}
			at += length + 2
		default:
			for at < len(source) && !isSpace(source[at]) && source[at] != '>' {
				at++
			}
		}
		if href && from == to {
			from, to = value, at
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' }
