package email_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
)

// zone answers for TXT records; an error stands for a name that cannot be looked up.
type zone map[string][]string

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	texts, ok := z[name]
	switch {
	case !ok:
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	case texts == nil:
		return nil, errors.New("server misbehaving")
	}
	return texts, nil
}

// parts returns the decoded parts of a mail.
func parts(t *testing.T, m *mail.Message) (out []string) {
	t.Helper()
	_, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	for reader := multipart.NewReader(m.Body, parameters["boundary"]); ; {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
}

// sink is a mail server that takes everything, as cheaply as it can.
func sink(b testing.TB) (port int) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				drain(conn)
			})
		}
	})
	b.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
	})
	return listener.Addr().(*net.TCPAddr).Port
}

func drain(conn net.Conn) {
	reader := bufio.NewReaderSize(conn, 16<<10)
	out := bufio.NewWriter(conn)
	fmt.Fprint(out, "220 sink\r\n")
	for {
		if reader.Buffered() == 0 && out.Flush() != nil {
			return
		}
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return
		}
		switch strings.ToUpper(string(line[:min(4, len(line))])) {
		case "EHLO":
			fmt.Fprint(out, "250-sink\r\n250-8BITMIME\r\n250 PIPELINING\r\n")
		case "DATA":
			fmt.Fprint(out, "354 go on\r\n")
			_ = out.Flush()
			for {
				if line, err = reader.ReadSlice('\n'); err != nil {
					return
				}
				if bytes.Equal(line, []byte(".\r\n")) {
					break
				}
			}
			fmt.Fprint(out, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(out, "221 bye\r\n")
			_ = out.Flush()
			return
		default:
			fmt.Fprint(out, "250 ok\r\n")
		}
	}
}
