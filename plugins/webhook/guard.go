package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// reserved are the addresses that a script may not reach: what is not of the public internet by the registries of special
// addresses (RFC 6890 and its successors), what translates to such an address, and where clouds answer their machines.
var reserved = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // behind a carrier's NAT
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's machines ask here
	netip.MustParsePrefix("169.254.0.0/16"),   // link-local, and the metadata of most clouds
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/3"),   // multicast and above
	netip.MustParsePrefix("2001::/23"),     // Teredo and other protocols
	netip.MustParsePrefix("2001:db8::/32"), // documentation
	netip.MustParsePrefix("2002::/16"),     // 6to4
	netip.MustParsePrefix("3fff::/20"),     // documentation
}

// public6 is all of IPv6 that is given out for the internet. It leaves out NAT64, local and mapped addresses.
var public6 = netip.MustParsePrefix("2000::/3")

// isPublic reports whether an address belongs to the public internet.
func isPublic(address netip.Addr) bool {
	address = address.Unmap()
	if address.Is6() && (address.Zone() != "" || !public6.Contains(address)) {
		return false
	}
	for _, prefix := range reserved {
		if prefix.Contains(address) {
			return false
		}
	}
	return address.IsValid()
}

// refusedError is the error of an address that may not be reached. Trying again does not help.
type refusedError struct{ host, address string }

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s is %s, which is not an address of the public internet; if it is meant, allow the host by name in the webhook settings", e.host, e.address)
}

// maxAddresses is how many addresses of a host are tried.
const maxAddresses = 4

// resolver finds the addresses of a host; *net.Resolver is the real one.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// dialer connects to hosts whose addresses may be reached. It looks a name up once and connects to what it has checked:
// a name that means something else a moment later gains nothing.
type dialer struct {
	settings *settings
	resolver resolver
	net      net.Dialer
}

func (d *dialer) dial(ctx context.Context, network, target string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.settings.timeout)
	defer cancel()
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	addresses, err := d.lookUp(ctx, host)
	if err != nil {
		return nil, err
	}
	if !d.settings.allowed[hostName(host)] {
		for _, address := range addresses {
			if !isPublic(address) { // one is enough: no honest name has both
				return nil, &refusedError{host, address.String()}
			}
		}
	}
	addresses = addresses[:min(len(addresses), maxAddresses)]
	var failed error
	for i, address := range addresses {
		conn, err := d.connect(ctx, network, net.JoinHostPort(address.String(), port), len(addresses)-i)
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// connect tries one address for its share of the time that is left.
func (d *dialer) connect(ctx context.Context, network, target string, left int) (net.Conn, error) {
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
	defer cancel()
	return d.net.DialContext(ctx, network, target)
}

func (d *dialer) lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address}, nil
	}
	addresses, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	return addresses, nil
}

// idleLimit is how long a connection is kept for the next request. Receivers close theirs after five seconds or more; one
// that is closed while a request is under way leaves that request in doubt.
const idleLimit = 3 * time.Second

// newTransport makes connections, follows no redirects, knows no proxy, and speaks HTTP/1.1.
func newTransport(s *settings, r resolver) *http.Transport {
	d := &dialer{settings: s, resolver: r}
	return &http.Transport{
		DialContext: d.dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: s.timeout,
		MaxIdleConns: 2 * parallel, MaxIdleConnsPerHost: parallel, IdleConnTimeout: idleLimit,
		MaxResponseHeaderBytes: 32 << 10, DisableCompression: true,
	}
}
