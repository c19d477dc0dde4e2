package webhook

import (
	"net"
	"net/http"
	"time"
)

// NewTransport makes connections for requests to addresses that people write down, as those of webhooks: to hosts of the
// public internet, and to the allowed ones by their names. A host is looked up once, and what was checked is what is
// connected to, at a redirect too. timeout is that of a connection.
func NewTransport(allow []string, timeout time.Duration) *http.Transport {
	s := &settings{timeout: timeout, allowed: map[string]bool{}}
	for _, host := range allow {
		s.allowed[hostName(host)] = true
	}
	return newTransport(s, net.DefaultResolver)
}
