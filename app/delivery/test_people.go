package delivery

import "stagecraft/app/lifecycle"

// TestHeader marks what went to the catch-all address instead of a test person; its value is the person's customer ID.
const TestHeader = "X-Stagecraft-Test"

// markTest makes it plain to whoever reads the catch-all address that this is a test.
func markTest(rendered *lifecycle.Rendered, m *lifecycle.Message) {
	rendered.Subject = "[test] " + rendered.Subject
	if rendered.Headers == nil {
		rendered.Headers = map[string]string{}
	}
	rendered.Headers[TestHeader] = m.Customer.String()
}
