package push

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// reserved are the addresses that a subscription may not name, beside those that are local or private by their kind: what
// the registries of special addresses (RFC 6890 and its successors) keep from the public internet, what translates to such
// an address, and where clouds answer their machines.
var reserved = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("168.63.129.16/32"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

// public6 is all of IPv6 that is given out for the internet. It leaves out NAT64, local and mapped addresses.
var public6 = netip.MustParsePrefix("2000::/3")

// isPublic reports whether an address belongs to the public internet.
func isPublic(address netip.Addr) bool {
	address = address.Unmap()
	if !address.IsGlobalUnicast() || address.IsPrivate() || address.Is6() && (address.Zone() != "" || !public6.Contains(address)) {
		return false
	}
	for _, prefix := range reserved {
		if prefix.Contains(address) {
			return false
		}
	}
	return true
}

// refusedError is the error of an address that may not be reached. Trying again does not help.
type refusedError struct{ address string }

func (e *refusedError) Error() string {
	return fmt.Sprintf("the subscription leads to %s, which is not an address of the public internet; if it is meant, allow the host by name in the push settings", e.address)
}

// guard looks at the address that is being connected to, after all names have been looked up: a name that means something
// else a moment later gains nothing.
func guard(_, target string, _ syscall.RawConn) error {
	address, err := netip.ParseAddrPort(target)
	if err != nil || !isPublic(address.Addr()) {
		return &refusedError{target}
	}
	return nil
}

// idleLimit is how long a connection is kept for the next request.
const idleLimit = 15 * time.Second

// newTransport makes connections, follows no redirects and knows no proxy. With guarded, it reaches only the public
// internet and the hosts that the settings allow.
func newTransport(s *settings, guarded bool) *http.Transport {
	free := &net.Dialer{Timeout: s.timeout}
	public := &net.Dialer{Timeout: s.timeout, Control: guard}
	dial := func(ctx context.Context, network, target string) (net.Conn, error) {
		if host, _, err := net.SplitHostPort(target); guarded && (err != nil || !s.allowed[hostName(host)]) {
			return public.DialContext(ctx, network, target)
		}
		return free.DialContext(ctx, network, target)
	}
	return &http.Transport{
		DialContext: dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: s.timeout,
		ForceAttemptHTTP2: true, MaxIdleConns: 2 * parallel, MaxIdleConnsPerHost: parallel, IdleConnTimeout: idleLimit,
		MaxResponseHeaderBytes: 32 << 10, DisableCompression: true,
	}
}
