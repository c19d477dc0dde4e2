package cli

import (
	"encoding/json"
	"testing"
)

// CustomerJSON is what the server gets of a record of a list of customers.
func CustomerJSON(r Record) string {
	data, _ := json.Marshal(r.person)
	return string(data)
}

// MapCustomer makes the customer of a row; whatever it is made of, it can be written as JSON and says who it is.
func MapCustomer(t *testing.T, m *Mapping, row Row) {
	t.Helper()
	c, err := m.customer(row)
	if err != nil {
		return
	}
	if _, err = json.Marshal(c); err != nil || c.identity().Value == "" {
		t.Fatalf("%+v: %v", c, err)
	}
}
