package delivery

import (
	"slices"
	"strings"
)

// An output does different harm in different places of HTML: in text and in a quoted value escaping is enough, in an address
// a & begins another parameter, and without quotes a space ends the value. Where an address or a value without quotes
// begins is found when a template is compiled, and kept as a node among the others (placeNode); so a rendering
// knows the place without looking at what it writes, whichever way conditions and loops take.

// placeMode is what has to be heeded about a place.
type placeMode uint8

const (
	anyPlace     placeMode = iota // nothing but markup
	barePlace                     // a value without quotes
	picturePlace                  // an address of something that is shown
	linkPlace                     // an address to go to
)

func (m placeMode) address() bool { return m >= picturePlace }

// addressAttributes are the attributes that hold an address.
func addressAttribute(name string) placeMode {
	switch name {
	case "href", "action", "formaction", "xlink:href", "cite", "longdesc":
		return linkPlace
	case "src", "srcset", "background", "poster":
		return picturePlace
	}
	return anyPlace
}

type markupState uint8

const (
	inText markupState = iota
	inComment
	inStyle // the text of a style element
	inTagName
	inTag // between attributes
	inAttribute
	behindAttribute
	inValue
)

// markup is where in HTML a template has come to. It is a value: a branch begins with a copy. It knows what authors write,
// not all that a browser would make something of.
type markup struct {
	state     markupState
	tag       string
	attribute string
	quote     byte // around the value; 0: none
	begun     bool // the value has its first sign or output
	alone     bool // an address that is put together by itself: nothing is around it
	css       bool // in a style
	mode      placeMode
	prefix    string // the beginning of the address as far as it is known, at most maxPrefix bytes; outputs count as one sign

	closed, opened int // in the text that is read: where the place ends in which it began, and where the one begins in which it ends
}

const maxPrefix = 10

// set changes the mode at a place of the text.
func (m *markup) set(mode placeMode, at int) {
	if m.mode != anyPlace && m.opened < 0 && m.closed < 0 {
		m.closed = at
	}
	m.opened, m.mode, m.prefix = -1, mode, ""
	if mode != anyPlace {
		m.opened = at
	}
}

// read goes on over a text. closed and opened are -1, or where a place ends that was open before, and where one begins that is
// still open at the end.
func (m *markup) read(text string) (closed, opened int) {
	m.closed, m.opened = -1, -1
	for i := 0; i < len(text); i++ {
		m.step(text, i)
	}
	return m.closed, m.opened
}

func (m *markup) step(text string, i int) {
	c := text[i]
	space := c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
	switch m.state {
	case inText:
		if c != '<' || i+1 == len(text) {
			return
		}
		rest := text[i+1:]
		switch next := rest[0] | 0x20; {
		case strings.HasPrefix(rest, "!--") && !strings.HasPrefix(rest, "!--["): // what stands in [if mso] is markup for some
			m.state = inComment
		case next >= 'a' && next <= 'z' || rest[0] == '/' || rest[0] == '!':
			m.state, m.tag = inTagName, ""
		}
	case inComment:
		if strings.HasSuffix(text[:i+1], "-->") {
			m.state = inText
		}
	case inStyle:
		if c == '<' && len(text) > i+7 && strings.EqualFold(text[i:i+7], "</style") {
			m.css = false
			m.set(anyPlace, i)
			m.state, m.tag = inTagName, ""
			return
		}
		m.style(text, i, anyPlace)
	case inTagName:
		switch {
		case c == '>':
			m.endTag()
		case space:
			m.state = inTag
		case len(m.tag) < 32:
			m.tag += strings.ToLower(string(rune(c)))
		}
	case inTag, inAttribute, behindAttribute:
		switch {
		case c == '>':
			m.endTag()
		case c == '=' && m.state != inTag:
			m.state, m.quote, m.begun, m.css = inValue, 0, false, m.attribute == "style"
			m.set(max(barePlace, addressAttribute(m.attribute)), i+1)
		case space && m.state == inAttribute:
			m.state = behindAttribute
		case space:
		case c == '/':
			m.state = inTag
		default:
			if m.state != inAttribute {
				m.state, m.attribute = inAttribute, ""
			}
			if len(m.attribute) < 32 {
				m.attribute += strings.ToLower(string(rune(c)))
			}
		}
	case inValue:
		m.value(text, i, c, space)
	}
}

func (m *markup) endTag() {
	m.state = inText
	if m.tag == "style" {
		m.state, m.css = inStyle, true
	}
}

func (m *markup) value(text string, i int, c byte, space bool) {
	own := addressAttribute(m.attribute)
	switch {
	case !m.begun && space:
		if m.mode != anyPlace {
			m.opened = i + 1
		}
		return
	case !m.begun && m.quote == 0 && !m.alone && (c == '"' || c == '\''):
		m.quote = c
		m.set(own, i+1)
		return
	case m.quote != 0 && c == m.quote, m.quote == 0 && (space || c == '>'):
		m.css = false
		m.set(anyPlace, i)
		switch m.state = inTag; {
		case m.alone:
			m.state, m.alone = inText, false
		case c == '>':
			m.endTag()
		}
		return
	}
	m.begun = true
	switch {
	case m.css && m.quote == 0:
		m.style(text, i, barePlace)
	case m.css:
		m.style(text, i, anyPlace)
	case m.attribute == "srcset" && space && !m.alone: // behind it stands a width, or the next address
		m.set(own, i+1)
	case len(m.prefix) < maxPrefix:
		m.prefix += string(c)
	}
}

// style looks for url( … ); outer is the mode around it.
func (m *markup) style(text string, i int, outer placeMode) {
	c := text[i]
	switch {
	case c == '(' && i >= 3 && strings.EqualFold(text[i-3:i], "url"):
		m.set(picturePlace, i+1)
	case m.mode != picturePlace:
	case c == ')':
		m.set(outer, i)
	case m.prefix == "" && (c == ' ' || c == '"' || c == '\''):
		m.opened = i + 1
	case len(m.prefix) < maxPrefix:
		m.prefix += string(c)
		for _, quote := range [...]string{"&quot;", "&#39;", "&#34;", "&apos;"} {
			if m.prefix == quote {
				m.prefix, m.opened = "", i+1
			}
		}
	}
}

// output goes on over an output. It reports whether an address may begin with it.
func (m *markup) output() (begins bool) {
	begins = m.mode.address() && (m.prefix == "" || m.prefix == "//" || strings.EqualFold(m.prefix, "http://") || strings.EqualFold(m.prefix, "https://"))
	if m.state == inValue {
		m.begun = true
	}
	if m.mode.address() && len(m.prefix) < maxPrefix {
		m.prefix += "x"
	}
	return begins
}

// join is where a template has come to behind two ways: the place of more danger, if they differ.
func (m markup) join(other markup) markup {
	if other.state > m.state || other.state == m.state && other.mode > m.mode {
		m, other = other, m
	}
	if m.state == other.state {
		m.begun = m.begun && other.begun
		if len(other.prefix) < len(m.prefix) {
			m.prefix = other.prefix
		}
	}
	return m
}

// joined is where a template has come to behind a condition.
func joined(before markup, behind []markup, otherwise bool) markup {
	if len(behind) == 0 {
		return before
	}
	all := behind[0]
	for _, other := range behind[1:] {
		all = all.join(other)
	}
	if !otherwise {
		all = all.join(before)
	}
	return all
}

// noteAddress notes whether a name stands for an address whose beginning is written out.
func (p *templateParser) noteAddress(name string, is bool) {
	p.addresses = slices.DeleteFunc(p.addresses, func(had string) bool { return had == name })
	if is {
		p.addresses = append(p.addresses, name)
	}
}

// startsAddress reports whether a text is the beginning of a whole address.
func startsAddress(text string) bool {
	text = strings.ToLower(strings.TrimLeft(text, " \t\r\n"))
	for _, scheme := range [...]string{"http://", "https://", "mailto:"} {
		if strings.HasPrefix(text, scheme) {
			return true
		}
	}
	return false
}

// placeNode stands where the place of the outputs behind it begins.
type placeNode placeMode

func (n placeNode) render(r *templateRun) error {
	r.place, r.placeFrom = placeMode(n), len(r.out)
	return nil
}

// texts makes nodes of a text, with the places that begin and end in it.
func (p *templateParser) texts(nodes []templateNode, text string) []templateNode {
	closed, opened := p.markup.read(text)
	from := 0
	cut := func(at int, node placeNode) {
		if at > from {
			nodes = append(nodes, textNode(text[from:at]))
		}
		nodes, from = append(nodes, node), at
	}
	if closed >= 0 {
		cut(closed, placeNode(anyPlace))
	}
	if opened >= 0 {
		cut(opened, placeNode(p.markup.mode))
	}
	if from < len(text) {
		nodes = append(nodes, textNode(text[from:]))
	}
	return nodes
}
