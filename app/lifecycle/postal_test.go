package lifecycle_test

import (
	"encoding/json"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
)

func TestPostalAddresses(t *testing.T) {
	const street, city = `"street":"Số 12, ngõ 45"`, `"city":"Hà Nội"`
	for _, c := range []struct {
		traits  map[string]string
		address string
		problem string
	}{
		{map[string]string{"name": `"Ánh Tuyết"`, "address": `{"city":"Hà Nội","street":" Số 12, ngõ 45 ","postalCode":10000,"country":"VN","floor":3}`},
			`{"name":"Ánh Tuyết","street":"Số 12, ngõ 45","postalCode":"10000","city":"Hà Nội","country":"VN"}`, ""},
		{map[string]string{"first_name": `"Ada"`, "lastName": `"Lovelace"`, "company": `{"name":"Sen"}`, "address": `{` + street + `,` + city + `,"state":"HN"}`},
			`{"name":"Ada Lovelace","company":"Sen","street":"Số 12, ngõ 45","city":"Hà Nội","state":"HN"}`, ""},
		{map[string]string{"company": `"Sen \"Việt\""`, "address": `{` + street + `,` + city + `}`}, `{"company":"Sen \"Việt\"","street":"Số 12, ngõ 45","city":"Hà Nội"}`, ""},
		{map[string]string{"name": `"Ada"`}, "", lifecycle.BecauseNoAddress},
		{map[string]string{"name": `"Ada"`, "address": `"1 A, Huế"`}, "", lifecycle.BecauseBadAddress},
		{map[string]string{"name": `"Ada"`, "address": `{` + street + `}`}, "", lifecycle.BecauseIncomplete},
		{map[string]string{"name": `"Ada"`, "address": `{` + city + `,"street":["1"]}`}, "", lifecycle.BecauseIncomplete},
		{map[string]string{"name": `" "`, "address": `{` + street + `,` + city + `}`}, "", lifecycle.BecauseIncomplete},
		{map[string]string{"name": `"` + strings.Repeat("a", 2000) + `"`, "address": `{` + street + `,` + city + `}`}, "", lifecycle.BecauseBadAddress},
	} {
		customer := &lifecycle.Customer{}
		for name, value := range c.traits {
			customer.SetTrait(name, json.RawMessage(value))
		}
		address, problem := customer.Address("letter")
		if address != c.address || problem != c.problem {
			t.Errorf("%v: %s, %q", c.traits, address, problem)
		}
		if problem == "" && !json.Valid([]byte(address)) {
			t.Errorf("%s is not JSON", address)
		}
	}
}
