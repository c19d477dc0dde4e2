package channel

import "context"

// Limits of a callback.
const (
	MaxCallbackBytes = 3 << 20  // of a request's body: Meta's have up to 3 MB
	MaxReplyBytes    = 64 << 10 // of a reply's body; longer ones are cut
)

// Callback is a request that the provider made to the host, which passes it on unchecked: whether it really comes from
// the provider is for the connector to find out, by a signature or a secret in the path.
type Callback struct {
	Method  string
	URL     string            // the public one, as the provider called it, with the query
	Path    string            // what follows /callbacks/CHANNEL; "" or beginning with a slash
	Headers map[string]string // names in lower case; several values of one name are joined by ", "
	Body    []byte            // at most MaxCallbackBytes
}

// Reply is what the provider is answered.
type Reply struct {
	Status      int // of HTTP; 0 means 200
	ContentType string
	Body        []byte // at most MaxReplyBytes
}

// Listener is implemented by connectors whose provider calls back. Callback returns the answer and what the request
// said. The host keeps the reports before it answers the provider, who will call again if that does not come about: a
// report may be given twice and counts once. ctx ends like that of Send.
type Listener interface {
	Callback(ctx context.Context, c Callback) (Reply, []Report)
}
