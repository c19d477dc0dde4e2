package assets_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"stagecraft/assets"
)

// What this binary carries, built console or placeholder, can be served.
func TestConsole(t *testing.T) {
	files, err := assets.Files(assets.Console())
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]assets.File{}
	for _, file := range files {
		paths[file.Path] = file
		if len(file.Body) == 0 || len(file.Hash) != 32 || file.Type == "" {
			t.Errorf("%s: %d bytes, hash %q, type %q", file.Path, len(file.Body), file.Hash, file.Type)
		}
		if file.Gzip == nil {
			continue
		}
		unpacked, err := gunzip(file.Gzip)
		if err != nil || !bytes.Equal(unpacked, file.Body) {
			t.Errorf("%s: the compressed form differs (%v); build the console again", file.Path, err)
		}
	}
	page, ok := paths["index.html"]
	if !ok {
		t.Fatalf("no index.html among %d files", len(files))
	}
	if page.Immutable {
		t.Error("index.html must not be cached for good")
	}
	if built := strings.Contains(string(page.Body), `<div id="app">`); built != assets.Built() {
		t.Errorf("Built says %v, the page says %v", assets.Built(), built)
	}
	// The policy under which the page is served forbids inline script and style.
	for _, inline := range []string{"<style", " style=", "<script>", " onload=", "javascript:", "http://", "https://"} {
		if strings.Contains(string(page.Body), inline) {
			t.Errorf("index.html has %q in it", inline)
		}
	}
}

func TestFiles(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	long := bytes.Repeat([]byte("let a = 1;\n"), 100)
	if _, err := w.Write(long); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := assets.Files(fstest.MapFS{
		"index.html":                  {Data: []byte("<!doctype html>")},
		"assets/index-B3xk29_a.js":    {Data: long},
		"assets/index-B3xk29_a.js.gz": {Data: packed.Bytes()},
		"assets/index-C0ffee-1.css":   {Data: []byte("a{}")},
		"assets/index-C0ffee-1.css.gz": {
			Data: []byte("not gzip, and longer than what it stands for"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, file := range files {
		line := file.Path + " " + file.Type
		if file.Immutable {
			line += " immutable"
		}
		if file.Gzip != nil {
			line += " gzip"
		}
		got = append(got, line)
	}
	want := `assets/index-B3xk29_a.js text/javascript; charset=utf-8 immutable gzip
assets/index-C0ffee-1.css text/css; charset=utf-8 immutable
index.html text/html; charset=utf-8`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestFilesRefusesAnUnknownType(t *testing.T) {
	_, err := assets.Files(fstest.MapFS{"index.html": {Data: []byte("x")}, "data.bin": {Data: []byte("x")}})
	if err == nil || !strings.Contains(err.Error(), "data.bin") {
		t.Errorf("error %v does not name the file", err)
	}
}

func TestFilesOfNothing(t *testing.T) {
	if _, err := assets.Files(fstest.MapFS{}); err != nil {
		t.Errorf("an empty file system is no error: %v", err)
	}
	if _, err := fs.Stat(assets.Console(), "index.html"); err != nil {
		t.Error(err)
	}
}

func gunzip(body []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
