package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"stagecraft/app/lifecycle"
)

// pages is a list of the server, which comes page by page: see docs/api.md.
type pages struct {
	path  string     // of the list
	name  string     // of its entries in an answer
	query url.Values // what it is narrowed to; nil: nothing
	most  int        // entries that the server gives at once

	last   map[string]json.RawMessage // the newest answer, with what stands beside the entries
	looked int                        // how many the server has looked at, of lists that say so
}

// each visits entry after entry until there is no more, or there were as many as limit; 0: all. Whoever sets a limit is told
// that there is more.
func (p *pages) each(w *world, client *Client, limit int, visit func(raw json.RawMessage) error) error {
	if limit < 0 {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "limit", Message: "--limit must not be negative", Hint: "0 lists all"}
	}
	query := url.Values{}
	for name, values := range p.query {
		query[name] = values
	}
	for left := limit; ; {
		size := p.most
		if limit > 0 {
			size = min(size, left)
		}
		query.Set("limit", strconv.Itoa(size))
		p.last = nil
		if _, err := client.Get(w.ctx, p.path+"?"+query.Encode(), &p.last); err != nil {
			return err
		}
		var entries []json.RawMessage
		var next string
		var looked int
		for field, value := range map[string]any{p.name: &entries, "next": &next, "looked": &looked} {
			if raw := p.last[field]; raw != nil && json.Unmarshal(raw, value) != nil {
				return lifecycle.Errorf(lifecycle.Internal, "the server's answer cannot be read: %s is %.80s", field, raw)
			}
		}
		for _, raw := range entries {
			if err := visit(raw); err != nil {
				return err
			}
		}
		p.looked += looked
		left -= len(entries)
		if next == "" {
			return nil
		}
		if limit > 0 && left <= 0 {
			_, err := fmt.Fprintln(w.stderr, "There is more; --limit 0 lists all.")
			return err
		}
		query.Set("cursor", next)
	}
}

// joined returns what the server answers, with the entries of all pages that were read in one.
func (p *pages) joined(entries []json.RawMessage) map[string]any {
	whole := map[string]any{}
	for field, value := range p.last {
		whole[field] = value
	}
	whole[p.name] = entries
	return whole
}
