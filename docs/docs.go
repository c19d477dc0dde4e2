// Package docs holds the part of the documentation that the program itself serves: the description of its HTTP API.
package docs

import _ "embed"

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the description of the HTTP API, OpenAPI 3.1 in YAML. It is written by hand, and a test holds the server
// to it.
func OpenAPI() []byte { return openAPI }
