package lifecycle_test

import (
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

const linkBase = "https://news.shop.example"

func someLinks() (lifecycle.Links, lifecycle.ID, lifecycle.Ref, []string) {
	links := lifecycle.NewLinks([]byte("a key that nobody else has"), linkBase)
	customer := lifecycle.HashID("ada")
	message := lifecycle.Message{ID: lifecycle.HashID("hello"), Customer: customer, Decided: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	ref := message.Ref()
	return links, customer, ref, []string{
		links.Unsubscribe(customer, ref, "email", "news"), links.Unsubscribe(customer, ref, "email", ""),
		links.Preferences(customer), links.Click(ref, "https://shop.example/a?b=c#d"), links.Open(ref),
	}
}

func TestALinkSaysWhatItWasMadeOf(t *testing.T) {
	links, customer, ref, made := someLinks()
	want := []lifecycle.Link{
		{Purpose: lifecycle.ToUnsubscribe, Customer: customer, Message: ref, Channel: "email", Topic: "news"},
		{Purpose: lifecycle.ToUnsubscribe, Customer: customer, Message: ref, Channel: "email"},
		{Purpose: lifecycle.ToPreferences, Customer: customer},
		{Purpose: lifecycle.ToClick, Message: ref, URL: "https://shop.example/a?b=c#d"},
		{Purpose: lifecycle.ToOpen, Message: ref},
	}
	for i, url := range made {
		if !strings.HasPrefix(url, linkBase+"/") || !links.Owns(url) {
			t.Errorf("%s is no link of ours", url)
		}
		got, err := links.Read(strings.TrimPrefix(url, linkBase))
		if err != nil || got != want[i] {
			t.Errorf("%s\n got %+v, %v\nwant %+v", url, got, err, want[i])
		}
	}
	if links.Owns("https://shop.example/u/x") || links.Owns(linkBase+"/about") {
		t.Error("it owns what is somebody else's")
	}
}

func TestEachFlippedBitOfALinkIsAnError(t *testing.T) {
	links, _, _, made := someLinks()
	other := lifecycle.NewLinks([]byte("another key"), linkBase)
	for _, url := range made {
		path := strings.TrimPrefix(url, linkBase)
		for i := range len(path) {
			for bit := range 8 {
				changed := []byte(path)
				changed[i] ^= 1 << bit
				if link, err := links.Read(string(changed)); lifecycle.CodeOf(err) != lifecycle.NotFound {
					t.Fatalf("%q is read as %+v, %v", changed, link, err)
				}
			}
		}
		for _, changed := range []string{path + "A", path + "=", path + "\n", path[:8] + "\n" + path[8:], path[:len(path)-1], path[:len(path)-4], path[1:], "/" + path} {
			if _, err := links.Read(changed); err == nil {
				t.Errorf("%q is read", changed)
			}
		}
		if _, err := other.Read(path); err == nil {
			t.Error("another key's link is read")
		}
	}
}

func TestWithoutAKeyThereAreNoLinks(t *testing.T) {
	var none lifecycle.Links
	if none.Enabled() || none.Preferences(lifecycle.HashID("ada")) != "" {
		t.Error("a link was made without a key")
	}
	if _, err := none.Read("/p/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"); err == nil {
		t.Error("a link was read without a key")
	}
}

func TestARefIsReadBack(t *testing.T) {
	_, _, ref, _ := someLinks()
	got, err := lifecycle.ParseRef(ref.String())
	if err != nil || got != ref || len(ref.String()) > 80 {
		t.Errorf("%s is read as %+v, %v", ref, got, err)
	}
	for _, text := range []string{"", "12", strings.Repeat("f", 50), strings.Repeat("x", 50), ref.String() + "00"} {
		if _, err := lifecycle.ParseRef(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func FuzzLinks(f *testing.F) {
	links, _, _, made := someLinks()
	real := map[string]bool{}
	for _, url := range made {
		path := strings.TrimPrefix(url, linkBase)
		real[path] = true
		f.Add(path)
	}
	f.Add("/u/")
	f.Fuzz(func(t *testing.T, path string) {
		if link, err := links.Read(path); err == nil && !real[path] {
			t.Errorf("%q was never signed and says %+v", path, link)
		}
	})
}

func FuzzParseRef(f *testing.F) {
	_, _, ref, _ := someLinks()
	f.Add(ref.String())
	f.Fuzz(func(t *testing.T, text string) {
		if ref, err := lifecycle.ParseRef(text); err == nil && ref.String() != strings.ToLower(text) {
			t.Errorf("%q is read as %s", text, ref)
		}
	})
}
