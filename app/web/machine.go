package web

import (
	"bytes"
	"net"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// Names of headers that proxies and the networks of content providers add, in lower case, and how the names of others begin.
var (
	proxyHeaders  = []string{"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "x-cluster-client-ip", "client-ip", "cdn-loop", "x-amzn-trace-id", "x-request-start", "x-varnish"}
	proxyPrefixes = []string{"x-forwarded", "x-original-", "x-proxy", "x-envoy-", "cf-", "fastly-", "x-appengine-", "x-azure-", "x-arr-"}
)

// onMachine reports whether a request shows in every way that somebody on this machine made it: then it needs no key for what
// the console does. The address alone does not tell, since a proxy on the machine has the same one.
func (s *Server) onMachine(h *fasthttp.RequestHeader) bool {
	return !s.AskAdminKey && !passedOn(h) && s.ownHost(string(h.Host()))
}

// passedOn reports whether a request came through a proxy: by a header that proxies add, or by the version of HTTP that they
// speak to servers if nobody tells them otherwise, and that neither browsers nor other programs of today speak.
func passedOn(h *fasthttp.RequestHeader) bool {
	if !h.IsHTTP11() {
		return true
	}
	for line := range bytes.Lines(h.RawHeaders()) {
		raw, _, _ := bytes.Cut(line, []byte{':'})
		name := strings.ToLower(string(bytes.TrimSpace(raw)))
		if slices.Contains(proxyHeaders, name) || slices.ContainsFunc(proxyPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			return true
		}
	}
	return false
}

// ownHost reports whether a Host header names this server: by its public URL, or as this machine.
func (s *Server) ownHost(host string) bool {
	if host != "" && strings.EqualFold(host, hostOf(s.PublicURL)) {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}
