package web

import (
	"bytes"
	_ "embed"
	"html/template"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

//go:embed preferences.html
var preferencesPage string

// preferencesWords are the page's words, by language. Those of kinds of channels have the kind's name.
var preferencesWords = map[string]map[string]string{
	"en": {"title": "Your preferences", "ask": "What would you like to hear from us?", "note": "You still get what you need, such as receipts.",
		"other": "Everything else", "save": "Save", "none": "Unsubscribe from everything", "saved": "Your preferences are saved.",
		"nothing": "There is nothing to choose at the moment.",
		"email":   "Email", "sms": "Text message", "push": "Notifications", "inapp": "On our site", "social": "Messenger", "call": "Telephone", "letter": "Letter"},
	"vi": {"title": "Tùy chọn nhận tin", "ask": "Bạn muốn nhận những tin nào từ chúng tôi?", "note": "Những tin cần thiết, như biên nhận, vẫn được gửi.",
		"other": "Các tin khác", "save": "Lưu", "none": "Ngừng nhận tất cả", "saved": "Đã lưu lựa chọn của bạn.",
		"nothing": "Hiện không có gì để chọn.",
		"email":   "Email", "sms": "Tin nhắn SMS", "push": "Thông báo", "inapp": "Trên trang của chúng tôi", "social": "Ứng dụng nhắn tin", "call": "Điện thoại", "letter": "Thư giấy"},
}

// preferences is what the page shows.
type preferences struct {
	Language string
	Words    map[string]string
	Saved    bool
	Channels []preferredChannel
}

type preferredChannel struct {
	Title, Address string
	Choices        []choice
}

// choice is a box of the form: messages by a kind of channel about a topic, or about none that has a box of its own.
type choice struct {
	Field, Title string
	Allowed      bool
	kind, topic  string
	channels     []string // of the kind, that reach the customer
}

// languageOf returns en or vi, whichever the browser prefers.
func languageOf(c *fiber.Ctx) string {
	if strings.HasPrefix(strings.ToLower(c.Get(fiber.HeaderAcceptLanguage)), "vi") {
		return "vi"
	}
	return "en"
}

// languageFor returns the language of a customer's page: the customer's own where the page has it, else the browser's.
func languageFor(c *fiber.Ctx, customer *lifecycle.Customer) string {
	for _, trait := range [...]string{"locale", "language"} { // as messages choose theirs
		if customer == nil {
			break
		}
		own, _ := customer.Trait(trait).(string)
		own, _, _ = strings.Cut(strings.ToLower(strings.ReplaceAll(own, "_", "-")), "-")
		if _, known := preferencesWords[own]; known {
			return own
		}
	}
	return languageOf(c)
}

// routePreferences serves the page of a customer's own: which channels may be used for which topics. It is a form without
// a script; looking at it changes nothing.
func (s *Server) routePreferences() {
	page := template.Must(template.New("preferences").Parse(preferencesPage))
	show := func(c *fiber.Ctx, found engine.Preferences, saved bool) error {
		language := languageFor(c, found.Customer)
		shown := preferences{Language: language, Words: preferencesWords[language], Saved: saved, Channels: s.choices(found, language)}
		var out bytes.Buffer
		if err := page.Execute(&out, shown); err != nil {
			return err
		}
		customerPage(c)
		return c.Send(out.Bytes())
	}
	read := func(c *fiber.Ctx) (id lifecycle.ID, found engine.Preferences, err error) {
		link, err := s.Links.Read(c.Path())
		if err == nil && link.Purpose != lifecycle.ToPreferences {
			err = lifecycle.Errorf(lifecycle.NotFound, "this is no link to preferences")
		}
		if err == nil {
			found, err = s.Engine.Preferences(c.UserContext(), link.Customer)
		}
		return link.Customer, found, err
	}
	s.fiber.Get("/p/:token", func(c *fiber.Ctx) error {
		_, found, err := read(c)
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			return s.brokenLink(c)
		}
		if err != nil {
			return err
		}
		return show(c, found, false)
	})
	s.fiber.Post("/p/:token", func(c *fiber.Ctx) error {
		id, found, err := read(c)
		if lifecycle.CodeOf(err) == lifecycle.NotFound {
			return s.brokenLink(c)
		}
		if err != nil {
			return err
		}
		form := c.Request().PostArgs()
		if !form.Has("form") { // all boxes would count as empty
			return lifecycle.Errorf(lifecycle.Invalid, "the form has not come; send it from the page once more")
		}
		words := []lifecycle.Consent{{Source: preferencesSource}} // no to everything
		if !form.Has("none") {
			words = s.said(found, func(box *choice) bool { return wants(form, box) })
		}
		if err = s.Engine.Say(c.UserContext(), id, lifecycle.Ref{}, s.proofOf(c), words...); err != nil {
			return err
		}
		if found, err = s.Engine.Preferences(c.UserContext(), id); err != nil {
			return err
		}
		return show(c, found, true)
	})
}

// wants reads what a form wants of a box. A box that nobody touched is no word: it stays as it is now, whatever it was when the page
// was opened. Forms of before the page said what it showed (form=1) speak of all boxes.
func wants(form *fasthttp.Args, box *choice) bool {
	ticked, was := form.Has(box.Field), slices.ContainsFunc(form.PeekMulti("was"), func(field []byte) bool { return string(field) == box.Field })
	if ticked == was && string(form.Peek("form")) != "1" {
		return box.Allowed
	}
	return ticked
}

// preferencesSource is where words of the page were said.
const preferencesSource = "preferences"

// choices are the boxes of the form as they stand, in a language.
func (s *Server) choices(found engine.Preferences, language string) []preferredChannel {
	var list []preferredChannel
	words, titles := preferencesWords[language], s.topics()
	for _, offered := range found.Offered {
		title := words[offered.Kind]
		if title == "" {
			title = titleOf(offered.Kind)
		}
		address, _ := found.Customer.Address(offered.Kind)
		one := preferredChannel{Title: title, Address: masked(offered.Kind, address)}
		for _, topic := range append(offered.Topics[:len(offered.Topics):len(offered.Topics)], "") {
			name := topicFor(titles, topic, language)
			if topic == "" {
				name = words["other"]
			}
			box := choice{Field: offered.Kind + "/" + topic, Title: name, kind: offered.Kind, topic: topic, channels: offered.Channels}
			box.Allowed = s.allows(found.Customer, &box)
			one.Choices = append(one.Choices, box)
		}
		list = append(list, one)
	}
	return list
}

// allows reports whether anything may come that a box is about, by whichever channel.
func (s *Server) allows(customer *lifecycle.Customer, box *choice) bool {
	return slices.ContainsFunc(box.channels, func(channel string) bool { return s.Delivery.Allows(customer, channel, box.topic) })
}

// said are the words by which what is allowed becomes what is wanted; none where it is that already. A word about all of a
// channel takes back those about its topics, so it comes first.
func (s *Server) said(found engine.Preferences, wanted func(box *choice) bool) []lifecycle.Consent {
	customer := found.Customer.Clone()
	var words []lifecycle.Consent
	for _, channel := range s.choices(found, "") {
		for i := range channel.Choices {
			box := &channel.Choices[(i+len(channel.Choices)-1)%len(channel.Choices)] // the last one is about all of it
			if wanted(box) == s.allows(customer, box) {
				continue
			}
			word := lifecycle.Consent{Channel: box.kind, Topic: box.topic, Granted: wanted(box), Source: preferencesSource}
			words = append(words, word)
			word.At = s.Clock.Now().Add(time.Hour + time.Duration(len(words))) // newer than all before, to see what is left to say
			customer.SayNow(word)
		}
	}
	return words
}

// titleOf writes a name such as new-arrivals for people.
func titleOf(name string) string {
	name = strings.NewReplacer("-", " ", "_", " ").Replace(name)
	first, size := utf8.DecodeRuneInString(name)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + name[size:]
}

// masked shows as much of an address as its owner needs to know it again; of what is no address for people, nothing.
func masked(channel, address string) string {
	switch channel {
	case "email":
		if at := strings.LastIndexByte(address, '@'); at > 0 {
			_, size := utf8.DecodeRuneInString(address)
			return address[:size] + "…" + address[at:]
		}
	case "sms", "call":
		if len(address) > 6 {
			return address[:3] + "…" + address[len(address)-3:]
		}
	}
	return ""
}

// customerPage sets the headers of a page for customers, which may do nothing but show itself and send its form.
func customerPage(c *fiber.Ctx) {
	private(c)
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
}
