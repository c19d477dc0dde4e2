package config

import (
	"net/netip"
	"net/url"
	"strings"
)

// Forms is about forms and about customers who bring friends.
type Forms struct {
	Limit         int      `name:"form-limit" env:"STAGECRAFT_FORM_LIMIT" default:"20" placeholder:"N" help:"How often forms may be sent from one address of the internet within an hour, 1 to 100000. Default: ${default}."`
	FormLimit     int      `name:"form-limit-each" env:"STAGECRAFT_FORM_LIMIT_EACH" default:"2000" placeholder:"N" help:"How often one form may be sent within an hour by everybody together, 1 to 1000000. Default: ${default}."`
	Proxies       []string `name:"trusted-proxies" env:"STAGECRAFT_TRUSTED_PROXIES" placeholder:"NETWORK,..." help:"Addresses or networks of the proxies in front of this server, such as 10.0.0.0/8: their X-Forwarded-For says where a form comes from. Default: none, nobody is believed."`
	ReferralURL   string   `name:"referral-url" env:"STAGECRAFT_REFERRAL_URL" placeholder:"URL" help:"Page to which the links lead that customers give to friends; the code follows as ref=CODE. Default: none, there are no such links."`
	ReferralEvent string   `name:"referral-event" env:"STAGECRAFT_REFERRAL_EVENT" default:"Order Completed" placeholder:"EVENT" help:"Event of a friend at which the one who brought them is told, once. Default: ${default}."`
}

// check finds what is wrong, and fills in what was left empty.
func (f *Forms) check(problems *Problems) {
	if f.Limit == 0 {
		f.Limit = 20
	}
	if f.FormLimit == 0 {
		f.FormLimit = 2000
	}
	if f.ReferralEvent == "" {
		f.ReferralEvent = "Order Completed"
	}
	if f.Limit < 1 || f.Limit > 100_000 {
		problems.add("--form-limit", "%d is not between 1 and 100000", f.Limit)
	}
	if f.FormLimit < 1 || f.FormLimit > 1_000_000 {
		problems.add("--form-limit-each", "%d is not between 1 and 1000000", f.FormLimit)
	}
	for _, proxy := range f.Proxies {
		if _, ok := networkOf(proxy); !ok {
			problems.add("--trusted-proxies", "%q is neither an address nor a network; write it like 10.0.0.1 or 10.0.0.0/8", proxy)
		}
	}
	if f.ReferralURL == "" {
		return
	}
	page, err := url.Parse(f.ReferralURL)
	if err != nil || page.Scheme != "http" && page.Scheme != "https" || page.Hostname() == "" || page.User != nil {
		problems.add("--referral-url", "%q is no page; write it like https://shop.example/welcome", f.ReferralURL)
	}
}

// Networks returns the trusted proxies.
func (f Forms) Networks() []netip.Prefix {
	var networks []netip.Prefix
	for _, proxy := range f.Proxies {
		if network, ok := networkOf(proxy); ok {
			networks = append(networks, network)
		}
	}
	return networks
}

func networkOf(text string) (netip.Prefix, bool) {
	text = strings.TrimSpace(text)
	if network, err := netip.ParsePrefix(text); err == nil {
		return network.Masked(), true
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	network, err := address.Unmap().Prefix(address.Unmap().BitLen())
	return network, err == nil
}
