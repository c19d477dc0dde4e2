package delivery

import (
	"html"
	"net/url"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// placed makes an output fit for its place in HTML, which is not plain text. The result is yet to be escaped for HTML.
func (r *templateRun) placed(n *outputNode, text string) (string, error) {
	if r.place == barePlace {
		return text, nil // see writeBare
	}
	return r.linked(n, text, r.out[min(r.placeFrom, len(r.out)):], r.place == linkPlace)
}

// linked makes an output part of an address, of which some stands there already. At its start it is a whole one; in the name of
// the host it is a name; behind that it is percent-encoded, so that nothing in it has a meaning of its own. dial allows
// addresses of people.
func (r *templateRun) linked(n *outputNode, text string, before []byte, dial bool) (string, error) {
	written := strings.TrimSpace(string(before))
	if written == "" {
		if n.own || (text == "" || text == "#") && r.html { // a picture or link that leads nowhere harms nobody
			return text, nil
		}
		return r.wholeLink(text, dial)
	}
	scheme, rest, found := strings.Cut(written, ":")
	if !found || strings.ContainsAny(scheme, "/?#&") {
		scheme, rest, found = "", written, false
	}
	scheme = strings.ToLower(scheme)
	web := scheme == "" || scheme == "http" || scheme == "https" // elsewhere, as in shop://product-7, is no host
	if web && strings.HasPrefix(rest, "//") && !strings.ContainsAny(rest[2:], "/?#") {
		return r.hostPart(rest[2:], text)
	}
	if n.encoded && isEncoded(text) {
		return text, nil
	}
	switch {
	case r.place == picturePlace && isPicture(written) && isBase64(text):
		return text, nil
	case scheme == "javascript" || scheme == "vbscript" || scheme == "data", strings.HasPrefix(scheme, "http") && !strings.HasPrefix(rest, "//"):
		return "", faultf("nothing can be put into an address that begins with "+shorten(written), "write its beginning out, as in https://example.com/{{ … }}")
	case strings.ContainsAny(rest, "?#"):
		return escapePart(text), nil
	case found && !strings.HasPrefix(rest, "/"): // mailto:, tel:, sms:
		return keepSigns.Replace(escapePart(text)), nil
	}
	return pathPart(text, strings.HasSuffix(written, "/")), nil
}

// isPicture reports whether an address begins with a picture that is written out in base64; one that may hold a program is none.
func isPicture(written string) bool {
	head, _, found := strings.Cut(strings.ToLower(written), ";base64,")
	kind, is := strings.CutPrefix(head, "data:image/")
	return found && is && !strings.Contains(kind, "svg") && !strings.Contains(kind, "xml")
}

// isBase64 reports whether a text has the signs of base64 only (RFC 4648, 4).
func isBase64(text string) bool {
	return strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == ""
}

// keepSigns gives back what an address of a person may have.
var keepSigns = strings.NewReplacer("%40", "@", "%2B", "+", "%2C", ",")

// escapePart percent-encodes all that may mean something in an address.
func escapePart(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// pathPart is escapePart for a path: slashes stay, unless they would lead to another place than the path is in.
func pathPart(text string, slash bool) string {
	escaped := escapePart(text)
	if !strings.Contains(escaped, "%2F") || slash && text[0] == '/' {
		return escaped
	}
	for part := range strings.SplitSeq(text, "/") {
		if part == "." || part == ".." {
			return escaped
		}
	}
	return strings.ReplaceAll(escaped, "%2F", "/")
}

// hostPart is an output right behind https:// or a host's name.
func (r *templateRun) hostPart(host, text string) (string, error) {
	const hint = "write the host out, as in https://example.com/{{ … }}"
	switch {
	case text == "":
		return "", nil
	case host != "" && text[0] == '/':
		if path := pathPart(text, false); path[0] == '/' {
			return path, nil
		}
		return "", faultf("the path must not lead upwards", hint)
	case host != "":
		return "", faultf("a value right behind the name of a host must be a path, which begins with /", "write a / between them")
	case strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || text[0] == '.':
		return "", faultf("a value behind https:// must be the name of a host", hint)
	case strings.Contains(text, "."):
		return text, r.leadsTo(text)
	}
	return text, nil
}

// wholeLink is an output that begins an address.
func (r *templateRun) wholeLink(text string, dial bool) (string, error) {
	parsed, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
	case (parsed.Scheme == "https" || parsed.Scheme == "http") && parsed.Host != "":
		return sealed.Replace(parsed.String()), r.leadsTo(parsed.Hostname())
	case dial && (parsed.Scheme == "mailto" || parsed.Scheme == "tel" || parsed.Scheme == "sms") && parsed.Opaque != "":
		return sealed.Replace(parsed.String()), nil
	}
	return "", faultf("a link may begin with a value only if that is a whole address: http://… or https://…", "write its beginning out, as in https://example.com/{{ … }}; or end with | raw for an address that you trust")
}

// sealed are the signs that addresses do without, and that end a value or an url( ).
var sealed = strings.NewReplacer(" ", "%20", "\t", "%09", `"`, "%22", "'", "%27", "(", "%28", ")", "%29", "<", "%3C", ">", "%3E", `\`, "%5C", "`", "%60")

// leadsTo refuses hosts that the message does not allow. This server is always one of those it does.
func (r *templateRun) leadsTo(host string) error {
	if len(r.hosts) == 0 || slices.Contains(r.hosts, "any") {
		return nil
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if own, err := url.Parse(r.scope.PublicURL); err == nil && host == own.Hostname() {
		return nil
	}
	for _, allowed := range r.hosts {
		if above, is := strings.CutSuffix(host, allowed); is && (above == "" || strings.HasSuffix(above, ".")) {
			return nil
		}
	}
	return faultf("it would lead to "+shorten(host)+", which the message does not allow", "its front matter says which hosts it may lead to: links: "+strings.Join(r.hosts, ", "))
}

// hostsOf reads what the front matter says under links: hosts, own for none but this server, any for all. None: all, of which
// CheckLinks warns.
func hostsOf(t *lifecycle.Template) []string {
	return strings.FieldsFunc(strings.ToLower(t.Front["links"]), func(c rune) bool { return c == ',' || c == ' ' })
}

// isEncoded reports whether url_encode may have made a text.
func isEncoded(text string) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~+%", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// writeBare appends an output to a value without quotes, which it cannot end.
func (r *templateRun) writeBare(text string) error {
	return r.write(bareSigns.Replace(html.EscapeString(text)))
}

var bareSigns = strings.NewReplacer(" ", "&#32;", "\t", "&#9;", "\n", "&#10;", "\r", "&#13;", "\f", "&#12;", "=", "&#61;", "`", "&#96;")

// templateStart is an output with which an address may begin.
type templateStart struct {
	source string
	root   string // its first name
	line   int
}

// place notes what the place of an output asks for.
func (p *templateParser) place(n *outputNode, words []templateWord) {
	path, root := pathOf(words)
	filtered := func(names ...string) bool {
		return slices.ContainsFunc(n.value.filters, func(f templateFilterCall) bool { return slices.Contains(names, f.name) })
	}
	n.own = len(n.value.filters) == 0 && isOwn(path)
	n.raw = len(n.value.filters) > 0 && n.value.filters[len(n.value.filters)-1].name == "raw"
	n.encoded = filtered("url_encode") || slices.Contains(p.encoded, path)
	if begins := p.markup.output(); begins && !n.raw && !p.known(words) {
		p.starts = append(p.starts, templateStart{n.value.source, root, n.line})
	}
}

// known reports whether the beginning of an address is known before it is rendered: it is written out, or this server's.
func (p *templateParser) known(words []templateWord) bool {
	path, _ := pathOf(words)
	return len(words) > 0 && words[0].kind == stringWord || isOwn(path) || isOwn(p.aliases[path]) || slices.Contains(p.addresses, path)
}

func isOwn(path string) bool {
	return path == "public_url" || path == "unsubscribe_url" || path == "preferences_url" || path == "referral_url"
}

// CheckLinks finds links that lead wherever a value says, in a message that does not say which hosts it may lead to.
func CheckLinks(t lifecycle.Template) []*lifecycle.Error {
	compiled, problems := compileTemplate(&t, templateFilters())
	if len(problems) > 0 || len(compiled.hosts) > 0 {
		return nil
	}
	var parts []*templatePart
	for _, d := range compiled.data {
		parts = append(parts, d.part)
	}
	if lifecycle.KindOf(t.Channel) == "email" && compiled.html {
		parts = append(append(append(parts, compiled.body), compiled.layouts...), compiled.partials...)
	}
	for _, part := range parts {
		if part == nil {
			continue
		}
		for _, start := range part.starts {
			line := start.line
			if part.field != "" {
				line = part.line
			}
			if slices.ContainsFunc(part.params, func(param templateWant) bool { return param.path == start.root }) {
				continue // it is told where the partial is given it
			}
			problems = append(problems, templateError(part, line, &templateFault{
				"this link leads wherever {{ " + shorten(start.source) + " }} says",
				"say in the front matter which hosts it may lead to, as in links: shop.example; or write its beginning out: https://shop.example/{{ … }}", lifecycle.ScriptFailed,
			}))
		}
	}
	return problems[:min(len(problems), maxProblems)]
}
