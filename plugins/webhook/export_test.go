package webhook

// What the tests see of the inside: how names are looked up, and which addresses are public.

type Resolver = resolver

// WithResolver returns a connector that looks names up in another way.
func WithResolver(r Resolver) *Connector { return &Connector{resolver: r} }

var (
	IsPublic = isPublic
	ParseURL = parseURL
)
