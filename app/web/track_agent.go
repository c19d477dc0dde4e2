package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"
)

// machineAgents are parts of the names by which programs that look at mails and links for themselves call themselves, in
// lower case: scanners of mail gateways, those that make a preview of a link, and libraries. Gmail's and Yahoo's proxies of
// pictures are not among them: they fetch a picture when somebody opens the mail.
var machineAgents = []string{
	"bot", "crawler", "spider", "slurp", "scan", "preview", "prefetch", "monitor", "validator", "fetch", "headless", "phantomjs",
	"barracuda", "mimecast", "proofpoint", "ironport", "symantec", "forcepoint", "trendmicro", "fireeye", "sophos", "cloudmark",
	"safelinks", "urldefense", "virustotal", "urlscan", "facebookexternalhit", "whatsapp", "skypeuripreview", "zalo-", "embedly",
	"curl/", "wget/", "python", "go-http-client", "java/", "okhttp", "libwww", "httpclient", "axios", "node-fetch", "ruby", "php/", "perl", "guzzle",
}

// byMachine reports whether a request says itself that no person is behind it: it does not want the answer (HEAD), it asks
// ahead, or it has the name of a program.
func byMachine(c *fiber.Ctx) bool {
	if c.Method() != fiber.MethodGet {
		return true
	}
	for _, header := range [...]string{"Purpose", "Sec-Purpose", "X-Purpose", "X-Moz"} {
		if value := strings.ToLower(c.Get(header)); strings.Contains(value, "prefetch") || strings.Contains(value, "preview") {
			return true
		}
	}
	return machineAgent(c.Get(fiber.HeaderUserAgent))
}

// machineAgent reports whether a program calls itself by a name that no browser has.
func machineAgent(agent string) bool {
	agent = strings.ToLower(strings.TrimSpace(agent))
	if agent == "" {
		return true
	}
	if strings.Contains(agent, "cubot") { // a maker of telephones
		agent = strings.ReplaceAll(agent, "cubot", "")
	}
	for _, part := range machineAgents {
		if strings.Contains(agent, part) {
			return true
		}
	}
	return false
}

// opensAhead reports whether a picture is fetched by a proxy that fetches those of every mail, whether it is read or not.
// That of Apple's Mail Privacy Protection calls itself just "Mozilla/5.0".
func opensAhead(c *fiber.Ctx) bool {
	return strings.TrimSpace(c.Get(fiber.HeaderUserAgent)) == "Mozilla/5.0"
}
