package email

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxPlainBytes is how much text is made of HTML at most.
const maxPlainBytes = 256 << 10

// plainText makes the text part of a message that has only HTML: words and line breaks, the addresses of links behind
// their words, "- " before items, the descriptions of pictures.
func plainText(source string) string {
	var out strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(source))
	hidden := 0 // how many elements that are not shown are open
	href, linkBegin := "", 0
	space, lines := false, 2 // what stands before the next word; how many line breaks are there already
	write := func(text string) {
		for word := range strings.FieldsSeq(text) {
			if space && lines == 0 {
				out.WriteByte(' ')
			}
			out.WriteString(word)
			space, lines = true, 0
		}
	}
	newLines := func(n int) {
		for ; lines < n; lines++ {
			out.WriteByte('\n')
		}
		space = false
	}
	for out.Len() < maxPlainBytes {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			break
		}
		if kind == html.TextToken {
			if text := string(tokens.Text()); hidden == 0 {
				space = space || strings.TrimLeftFunc(text, unicode.IsSpace) != text
				write(text)
				space = strings.TrimRightFunc(text, unicode.IsSpace) != text || text == "" && space
			}
			continue
		}
		if kind == html.CommentToken || kind == html.DoctypeToken {
			continue
		}
		token := tokens.Token()
		opens := kind == html.StartTagToken
		switch token.DataAtom {
		case atom.Head, atom.Style, atom.Script, atom.Title, atom.Template, atom.Noscript:
			if opens {
				hidden++
			} else if kind == html.EndTagToken && hidden > 0 {
				hidden--
			}
		case atom.Body:
			hidden = 0
		case atom.Br:
			newLines(min(lines+1, 2))
		case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Table, atom.Ul, atom.Ol, atom.Blockquote, atom.Hr:
			newLines(2)
		case atom.Div, atom.Tr, atom.Section, atom.Header, atom.Footer, atom.Article:
			newLines(1)
		case atom.Td, atom.Th:
			space = true
		case atom.Li:
			newLines(1)
			if opens {
				write("-")
			}
		case atom.Img:
			if hidden == 0 {
				write(attribute(token, "alt"))
			}
		case atom.A:
			if opens {
				href, linkBegin = attribute(token, "href"), out.Len()
			} else if link := href; hidden == 0 && link != "" && kind == html.EndTagToken {
				href = ""
				if said := strings.TrimSpace(out.String()[min(linkBegin, out.Len()):]); said != link && isWeb(link) {
					space = true
					write("(" + link + ")")
					space = false
				}
			}
		}
	}
	return strings.TrimSpace(out.String()) + "\n"
}

func attribute(token html.Token, name string) string {
	for _, a := range token.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func isWeb(link string) bool {
	return strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://")
}
