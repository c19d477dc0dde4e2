package lifecycle_test

import (
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// A short link is 12 characters behind /s/, says what it was made of, and leads nowhere with another code or another text.
func TestShortLinks(t *testing.T) {
	links, customer, ref, _ := someLinks()
	other := lifecycle.NewLinks([]byte("another key"), linkBase)
	for _, link := range []lifecycle.Link{
		{Purpose: lifecycle.ToClick, Message: ref, URL: "https://shop.example/promo?x=1"},
		{Purpose: lifecycle.ToUnsubscribe, Customer: customer, Message: ref, Channel: "sms", Topic: "news"},
		{Purpose: lifecycle.ToPreferences, Customer: customer},
	} {
		url, code := links.Short(ref.Partition, link)
		path := strings.TrimPrefix(url, linkBase)
		if len(path) != len("/s/")+12 || !links.Owns(url) {
			t.Errorf("%s is no short link", url)
		}
		read, err := links.ReadShort(path)
		if err != nil || read != code || code.Partition() != ref.Partition {
			t.Fatalf("%s is read as %x, %v", path, read, err)
		}
		if got, err := links.OfShort(code, link.Said()); err != nil || got != link {
			t.Errorf("%+v, %v", got, err)
		}
		for i := range path {
			for bit := range 8 {
				changed := []byte(path)
				changed[i] ^= 1 << bit
				if code, err := links.ReadShort(string(changed)); err == nil {
					if link, err := links.OfShort(code, link.Said()); lifecycle.CodeOf(err) != lifecycle.NotFound {
						t.Fatalf("%q leads to %+v", changed, link)
					}
				}
			}
		}
		said := link.Said()
		for i := range said {
			said[i] ^= 1
			if got, err := links.OfShort(code, said); err == nil {
				if got.Message = link.Message; link.Purpose != lifecycle.ToUnsubscribe || got != link { // of which any message may be the newest
					t.Fatalf("what was changed is read as %+v", got)
				}
			}
			said[i] ^= 1
		}
		if _, err := other.OfShort(code, link.Said()); err == nil {
			t.Error("another key's link is read")
		}
	}
	for _, path := range []string{"", "/s/", "/s/AAAA", "/s/AAAAAAAAAAA\n", "/s/AAAAAAAAAAAAA", "/c/AAAAAAAAAAAA", "/s/_AAAAAAAAAAA"} {
		if code, err := links.ReadShort(path); lifecycle.CodeOf(err) != lifecycle.NotFound {
			t.Errorf("%q is read as %x, %v", path, code, err)
		}
	}
}

// A customer has one short link to unsubscribe from a channel and topic, however many messages have it. Those that were made of
// the message go on working.
func TestShortLinksToUnsubscribe(t *testing.T) {
	links, customer, ref, _ := someLinks()
	link := lifecycle.Link{Purpose: lifecycle.ToUnsubscribe, Customer: customer, Message: ref, Channel: "sms", Topic: "news"}
	_, first := links.Short(ref.Partition, link)
	next := link
	next.Message.ID = lifecycle.HashID("the next message")
	if _, code := links.Short(ref.Partition, next); code != first {
		t.Error("the next message has a link of its own")
	}
	if got, err := links.OfShort(first, next.Said()); err != nil || got != next {
		t.Errorf("%+v, %v", got, err)
	}
	for what, other := range map[string]lifecycle.Link{
		"customer": {Purpose: lifecycle.ToUnsubscribe, Customer: lifecycle.HashID("eve"), Message: ref, Channel: "sms", Topic: "news"},
		"channel":  {Purpose: lifecycle.ToUnsubscribe, Customer: customer, Message: ref, Channel: "social", Topic: "news"},
		"topic":    {Purpose: lifecycle.ToUnsubscribe, Customer: customer, Message: ref, Channel: "sms", Topic: "offers"},
	} {
		if _, code := links.Short(ref.Partition, other); code == first {
			t.Errorf("another %s has the same link", what)
		}
	}
	former := lifecycle.NewLinks([]byte("a key"), linkBase)
	said := lifecycle.Link{Purpose: lifecycle.ToUnsubscribe, Customer: lifecycle.ID{1, 2, 3}, Channel: "sms", Topic: "news",
		Message: lifecycle.Ref{Partition: 7, Decided: time.Unix(1_772_000_000, 0).UTC(), ID: lifecycle.ID{9}}}
	code, err := former.ReadShort("/s/BzvYSCG20Tqg")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := former.OfShort(code, said.Said()); err != nil || got != said {
		t.Errorf("of a former version: %+v, %v", got, err)
	}
}

// Whatever is read as a short link leads nowhere unless it was made here.
func FuzzShortLinks(f *testing.F) {
	links, _, ref, _ := someLinks()
	link := lifecycle.Link{Purpose: lifecycle.ToClick, Message: ref, URL: "https://shop.example/"}
	url, made := links.Short(ref.Partition, link)
	f.Add(strings.TrimPrefix(url, linkBase), link.Said())
	f.Add("/s/", []byte("c"))
	f.Fuzz(func(t *testing.T, path string, said []byte) {
		code, err := links.ReadShort(path)
		if err != nil {
			return
		}
		if got, err := links.OfShort(code, said); err == nil && (code != made || got != link) {
			t.Errorf("%q with %q leads to %+v", path, said, got)
		}
	})
}
