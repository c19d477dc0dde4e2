package email_test

import (
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"stagecraft/plugins/channel"
)

// busyServer takes a moment for each mail and counts them.
type busyServer struct{ taken atomic.Int64 }

func (b *busyServer) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &busySession{server: b}, nil
}

type busySession struct {
	session
	server *busyServer
}

func (s *busySession) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	time.Sleep(time.Millisecond)
	s.server.taken.Add(1)
	return err
}

// What is owed gets the next connection that is free, however much marketing waits for one.
func TestWhatIsOwedGoesFirst(t *testing.T) {
	server := &busyServer{}
	_, port := serve(t, nil, func(s *smtp.Server) { s.Backend = server })
	c := open(t, settings(port, `,"security":"none","connections":2`))
	var batches sync.WaitGroup
	const waiting = 400 // batches, each with two that wait for a connection
	for range waiting {
		batches.Go(func() {
			news := messages(4)
			for i := range news {
				news[i].Kind = "marketing"
			}
			c.Send(t.Context(), news)
		})
	}
	for server.taken.Load() < 10 {
		time.Sleep(time.Millisecond)
	}
	before := server.taken.Load()
	receipt := messages(1)
	receipt[0].Kind = "transactional"
	if got := c.Send(t.Context(), receipt); got[0].Outcome != channel.Accepted {
		t.Errorf("%+v", got[0])
	}
	if overtaken := server.taken.Load() - before; overtaken > waiting {
		t.Errorf("%d mails of marketing left before one that was owed", overtaken)
	}
	batches.Wait()
}
