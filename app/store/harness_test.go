package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"stagecraft/app/store"
)

// act is an input that the machine of these tests carries out: a function of the transaction.
type act func(tx store.Tx) (any, error)

// look is a question of the same kind.
type look func(tx store.Reader) (any, error)

// machine runs what it is given; owner, if set, is what an owner does.
type machine struct {
	owner func(ctx context.Context, partition int)
}

func (m machine) Apply(tx store.Tx, input any) (any, error)   { return input.(act)(tx) }
func (m machine) Ask(tx store.Reader, query any) (any, error) { return query.(look)(tx) }
func (m machine) Own(ctx context.Context, partition int) {
	if m.owner != nil {
		m.owner(ctx, partition)
		return
	}
	<-ctx.Done()
}

var errRefused = errors.New("refused")

// open opens and starts a store that is closed at the end of the test.
func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s.Start(machine{})
	t.Cleanup(func() { s.Close() })
	return s
}

func set(key, value string) act {
	return func(tx store.Tx) (any, error) {
		tx.Set([]byte(key), []byte(value))
		return value, nil
	}
}

func do(t testing.TB, s *store.Store, partition int, input act) any {
	t.Helper()
	answer, err := s.Do(context.Background(), partition, input)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// get returns a committed value; "-" is a key that is not there.
func get(t testing.TB, s *store.Store, partition int, key string) string {
	t.Helper()
	answer, err := s.Ask(context.Background(), partition, look(func(tx store.Reader) (any, error) {
		if value := tx.Get([]byte(key)); value != nil {
			return string(value), nil
		}
		return "-", nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return answer.(string)
}

// items gives the inputs to one partition in order.
func items(partition int, inputs ...act) []store.Item {
	var all []store.Item
	for _, input := range inputs {
		all = append(all, store.Item{Partition: partition, Input: input})
	}
	return all
}

// blocked keeps a partition's writer busy until the returned function is called, so that inputs gather behind it.
func blocked(t testing.TB, s *store.Store, partition int) (release func()) {
	t.Helper()
	entered, gate := make(chan struct{}), make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		s.Do(context.Background(), partition, act(func(tx store.Tx) (any, error) {
			close(entered)
			<-gate
			return nil, nil
		}))
	}()
	<-entered
	return func() {
		close(gate)
		<-finished
	}
}

// copyFolder copies a folder's files as they are at this moment, which is what a crash would leave of them.
func copyFolder(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(from, path)
		target := filepath.Join(to, name)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.Create(target)
		if err != nil {
			return err
		}
		defer out.Close()
		return copySparse(out, in)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// copySparse copies a file without writing its empty parts: logs are much longer than what is in them.
func copySparse(out, in *os.File) error {
	var size int64
	buffer, empty := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(in, buffer)
		if n > 0 && !bytes.Equal(buffer[:n], empty[:n]) {
			if _, err := out.WriteAt(buffer[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		if err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return out.Truncate(size)
			}
			return err
		}
	}
}
