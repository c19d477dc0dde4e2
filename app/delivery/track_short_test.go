package delivery_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

var shortOnes = regexp.MustCompile(`https://example\.com(/s/[A-Za-z0-9_-]{12})`)

// stored counts the short links of a partition.
func (p *post) stored(partition int) (n int) {
	p.t.Helper()
	p.do(partition, func(tx store.Tx) {
		tx.Scan([]byte("ul"), []byte("um"), func(_, _ []byte) bool { n++; return true })
	})
	return n
}

// However many text messages a customer gets, one link to unsubscribe is kept for them and tells the newest, and one to their
// page; where the clicks lead goes with what the messages said. With the customer all goes.
func TestShortLinksAreKeptInBounds(t *testing.T) {
	p := newPost(t, newConnector(), tracking(lifecycle.Tracking{Clicks: true}), func(p *post) {
		p.further = []string{"sms"}
		p.templates["text"] = &lifecycle.Template{Front: map[string]string{"topic": "news"},
			Body: "Look: https://shop.example/a Stop: {{ unsubscribe_url }} Mine: {{ preferences_url }}"}
	})
	p.run()
	ada := p.customer("phone", "+447700900123")
	var texts [][]string
	var newest *lifecycle.Message
	for i := range 5 {
		p.clock.Advance(time.Minute)
		m := p.message(ada, wanted, "text")
		m.Channel = "sms"
		p.put(m)
		full := p.becomes(m, lifecycle.Accepted)
		var paths []string
		for _, found := range shortOnes.FindAllStringSubmatch(full.Rendered.Text, -1) {
			paths = append(paths, found[1])
		}
		if len(paths) != 3 {
			t.Fatalf("message %d says %s", i, full.Rendered.Text)
		}
		texts, newest = append(texts, paths), m
	}
	for _, paths := range texts[1:] {
		if paths[0] == texts[0][0] || paths[1] != texts[0][1] || paths[2] != texts[0][2] {
			t.Errorf("the links are %v, and were %v", paths, texts[0])
		}
	}
	leads := func(path string) string {
		link, err := p.delivery.ShortLink(t.Context(), path)
		if err != nil {
			return string(lifecycle.CodeOf(err))
		}
		return strings.TrimSpace(fmt.Sprint(string(rune(link.Purpose)), " ", link.Channel, " ", link.Topic, link.URL))
	}
	expect := func(clicks string) {
		t.Helper()
		for _, paths := range texts {
			if got := []string{leads(paths[0]), leads(paths[1]), leads(paths[2])}; got[0] != clicks || got[1] != "u sms news" || got[2] != "p" {
				t.Errorf("they lead to %q", got)
			}
		}
	}
	expect("c  https://shop.example/a")
	if link, _ := p.delivery.ShortLink(t.Context(), texts[0][1]); link.Message != newest.Ref() || link.Customer != ada {
		t.Errorf("the link to unsubscribe names %+v, want %+v", link.Message, newest.Ref())
	}
	if n := p.stored(ada.Partition()); n != 7 {
		t.Errorf("%d links are kept, want five clicks and two", n)
	}
	p.do(ada.Partition(), func(tx store.Tx) {
		if next, err := p.delivery.ForgetBodies(tx, time.Unix(0, 0), p.clock.Now().Add(time.Hour), nil, 1000); next != nil || err != nil {
			t.Error(next, err)
		}
	})
	expect(string(lifecycle.NotFound))
	if n := p.stored(ada.Partition()); n != 2 {
		t.Errorf("%d links are kept with the texts gone", n)
	}
	p.do(ada.Partition(), func(tx store.Tx) {
		if _, err := p.delivery.Forget(tx, []lifecycle.ID{ada}, nil, 1000); err != nil {
			t.Error(err)
		}
	})
	if n := p.stored(ada.Partition()); n != 0 {
		t.Errorf("%d links are kept of somebody who is forgotten", n)
	}
}
