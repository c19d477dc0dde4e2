package engine

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// The keys of the API are all in the first partition, by their hashes. Whoever lets requests in keeps them in memory.
const apiKeysPartition = 0

func apiKeyKey(hash []byte) []byte { return append([]byte{'N'}, hash...) }

type (
	// saveAPIKey is the input "there is this key from now on".
	saveAPIKey struct{ Key lifecycle.APIKey }
	// dropAPIKey is the input "there is this key no longer".
	dropAPIKey struct{ ID string }
	// useAPIKey is the input "this key was used".
	useAPIKey struct {
		Hash []byte
		At   time.Time
	}
	apiKeysOf struct{}
)

// APIKeys returns all keys, by name.
func (e *Engine) APIKeys(ctx context.Context) ([]lifecycle.APIKey, error) {
	answer, err := e.store.Ask(ctx, apiKeysPartition, apiKeysOf{})
	if err != nil {
		return nil, err
	}
	return answer.([]lifecycle.APIKey), nil
}

// SaveAPIKey keeps a new key. A Conflict says that there is another one of its name.
func (e *Engine) SaveAPIKey(ctx context.Context, key lifecycle.APIKey) error {
	_, err := e.store.Do(ctx, apiKeysPartition, saveAPIKey{key})
	return err
}

// DropAPIKey forgets the key of an ID or a name, and returns it.
func (e *Engine) DropAPIKey(ctx context.Context, id string) (lifecycle.APIKey, error) {
	answer, err := e.store.Do(ctx, apiKeysPartition, dropAPIKey{id})
	if err != nil {
		return lifecycle.APIKey{}, err
	}
	return answer.(lifecycle.APIKey), nil
}

// UseAPIKey writes down when a key was used last.
func (e *Engine) UseAPIKey(ctx context.Context, hash []byte, at time.Time) error {
	_, err := e.store.Do(ctx, apiKeysPartition, useAPIKey{hash, at})
	return err
}

func readAPIKeys(tx store.Reader) (keys []lifecycle.APIKey, failed error) {
	prefix := []byte{'N'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		var key lifecycle.APIKey
		if failed = store.Decode(value, &key); failed != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, failed, "a key of the API cannot be read")
			return false
		}
		keys = append(keys, key)
		return true
	})
	slices.SortFunc(keys, func(a, b lifecycle.APIKey) int { return strings.Compare(a.Name, b.Name) })
	return keys, failed
}

func (e *Engine) applyAPIKeys(tx store.Tx, input any) (any, error) {
	if in, ok := input.(useAPIKey); ok {
		data := tx.Get(apiKeyKey(in.Hash))
		var key lifecycle.APIKey
		if data == nil || store.Decode(data, &key) != nil || !in.At.After(key.Used) {
			return nil, nil // revoked meanwhile
		}
		key.Used = in.At
		tx.Set(apiKeyKey(in.Hash), store.Encode(&key))
		return nil, nil
	}
	keys, err := readAPIKeys(tx)
	if err != nil {
		return nil, err
	}
	switch in := input.(type) {
	case saveAPIKey:
		for i := range keys {
			if keys[i].Name == in.Key.Name && !bytes.Equal(keys[i].Hash, in.Key.Hash) {
				return nil, &lifecycle.Error{Code: lifecycle.Conflict, Field: "name", Message: "there is a key of this name already; revoke it, or name this one otherwise"}
			}
		}
		if len(keys) >= lifecycle.MaxAPIKeys {
			return nil, lifecycle.Errorf(lifecycle.Conflict, "there are %d keys already; revoke some that nobody uses", len(keys))
		}
		tx.Set(apiKeyKey(in.Key.Hash), store.Encode(&in.Key))
	case dropAPIKey:
		at := slices.IndexFunc(keys, func(k lifecycle.APIKey) bool { return k.ID == in.ID })
		if at < 0 {
			at = slices.IndexFunc(keys, func(k lifecycle.APIKey) bool { return k.Name == in.ID })
		}
		if at < 0 {
			return nil, lifecycle.Errorf(lifecycle.NotFound, "there is no key %.80q", in.ID)
		}
		tx.Delete(apiKeyKey(keys[at].Hash))
		return keys[at], nil
	}
	return nil, nil
}
