package push

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

// notification is what a message says, for either kind of service. Message.Data may hold title, url, icon, image, ttl
// (seconds), urgency (very-low, low, normal, high) and collapse (a name: of the notifications with the same one that wait
// for a device, only the last is shown). All else in it goes to the page or app as it is.
type notification struct {
	id       string
	title    string
	body     string
	url      string
	icon     string
	image    string
	ttl      int
	urgency  string
	collapse string
	extra    map[string]string
}

// newNotification makes one of a message. What it says wrong about itself is an error that trying again does not cure.
func newNotification(m *channel.Message, s *settings) (*notification, error) {
	n := &notification{id: m.ID, title: strings.TrimSpace(m.Subject), body: strings.TrimSpace(m.Text), icon: s.Icon, ttl: s.TTL, urgency: "normal"}
	if m.Kind == "transactional" {
		n.urgency = "high"
	}
	for name, value := range m.Data {
		switch name {
		case "title":
			n.title = strings.TrimSpace(value)
		case "url":
			n.url = value
		case "icon":
			n.icon = value
		case "image":
			n.image = value
		case "urgency":
			n.urgency = value
		case "collapse":
			n.collapse = value
		case "ttl":
			seconds, err := strconv.Atoi(value)
			if err != nil || seconds < 0 || seconds > maxTTL {
				return nil, fmt.Errorf("ttl %q is not a number of seconds from 0 to %d", value, maxTTL)
			}
			n.ttl = seconds
		default:
			if n.extra == nil {
				n.extra = map[string]string{}
			}
			n.extra[name] = value
		}
	}
	if n.title == "" { // every platform shows a title
		n.title, n.body = n.body, ""
	}
	if n.title == "" {
		return nil, fmt.Errorf("the notification says nothing; give it a subject or a text")
	}
	switch n.urgency {
	case "very-low", "low", "normal", "high":
	default:
		return nil, fmt.Errorf("urgency %q is unknown; use very-low, low, normal or high", n.urgency)
	}
	for _, link := range [...]struct{ name, text string }{{"url", n.url}, {"icon", n.icon}, {"image", n.image}} {
		if target, err := url.Parse(link.text); link.text != "" && (err != nil || target.Scheme == "" || target.Scheme == "javascript") {
			return nil, fmt.Errorf("%s %q is not a whole address; write it like https://example.com/path", link.name, link.text)
		}
	}
	return n, nil
}

// forBrowser is the notification in the form of Declarative Web Push (Push API, "declarative push message"): browsers that
// know it show it by themselves, for the others the service worker reads the same.
func (n *notification) forBrowser() ([]byte, error) {
	if n.url != "" && !strings.HasPrefix(n.url, "https://") && !strings.HasPrefix(n.url, "http://") {
		return nil, fmt.Errorf("url %q cannot be opened by a browser; write it like https://example.com/path", n.url)
	}
	type shown struct {
		Title    string            `json:"title"`
		Body     string            `json:"body,omitempty"`
		Navigate string            `json:"navigate,omitempty"`
		Icon     string            `json:"icon,omitempty"`
		Image    string            `json:"image,omitempty"`
		Tag      string            `json:"tag"`
		Data     map[string]string `json:"data,omitempty"`
	}
	return json.Marshal(struct {
		Version      int   `json:"web_push"`
		Notification shown `json:"notification"`
	}{8030, shown{n.title, n.body, n.url, n.icon, n.image, n.tag(), n.extra}})
}

// forApp is the notification as a request of FCM HTTP v1, projects.messages.send.
func (n *notification) forApp(token string, now time.Time) ([]byte, error) {
	data := map[string]string{"message_id": n.id}
	if n.url != "" {
		data["url"] = n.url
	}
	for name, value := range n.extra {
		if name == "from" || name == "message_type" || strings.HasPrefix(name, "google") || strings.HasPrefix(name, "gcm") {
			return nil, fmt.Errorf("Firebase keeps the name %q for itself; call that value otherwise", name)
		}
		data[name] = value
	}
	type object map[string]any
	expires := "0" // APNs: now or never
	if n.ttl > 0 {
		expires = strconv.FormatInt(now.Add(time.Duration(n.ttl)*time.Second).Unix(), 10)
	}
	android := object{"priority": "NORMAL", "ttl": strconv.Itoa(n.ttl) + "s", "notification": object{"tag": n.tag()}}
	apple := object{"apns-priority": "5", "apns-expiration": expires, "apns-collapse-id": n.tag()}
	if n.urgency == "high" {
		android["priority"], apple["apns-priority"] = "HIGH", "10"
	}
	browser := object{"headers": object{"TTL": strconv.Itoa(n.ttl), "Urgency": n.urgency}}
	if n.collapse != "" {
		android["collapse_key"] = n.collapse
	}
	if isWebAddress(n.url) {
		browser["fcm_options"] = object{"link": n.url}
	}
	shown := object{"title": n.title}
	if n.body != "" {
		shown["body"] = n.body
	}
	if n.image != "" {
		shown["image"] = n.image
	}
	return json.Marshal(object{"message": object{
		"token": token, "notification": shown, "data": data, "android": android, "apns": object{"headers": apple}, "webpush": browser,
	}})
}

// tag marks what takes each other's place on the screen: the notifications of one collapse name, else only this one and
// its repetitions.
func (n *notification) tag() string {
	if n.collapse != "" {
		return topic(n.collapse)
	}
	return topic(n.id)
}

// topic makes of any name one that RFC 8030, 5.4 allows as a topic: 32 characters of base64url.
func topic(name string) string {
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}
