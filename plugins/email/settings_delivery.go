package email

import (
	"errors"
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/net/idna"
)

// minSecret is how many characters a secret must have.
const minSecret = 16

func (s *settings) loadKeys() error {
	if len(s.DKIM) > 4 {
		return fmt.Errorf("dkim has %d keys; at most 4 sign a message", len(s.DKIM))
	}
	for i := range s.DKIM {
		if err := s.DKIM[i].load(s.from.domain); err != nil {
			return err
		}
	}
	return nil
}

// prepareReturns checks what has to do with bounces.
func (s *settings) prepareReturns() error {
	if s.BouncePoll < 1 || s.BouncePoll > 3600 {
		return fmt.Errorf("bounce_poll %d is outside of 1 to 3600 seconds", s.BouncePoll)
	}
	if s.CallbackSecret != "" && len(s.CallbackSecret) < minSecret {
		return fmt.Errorf("callback_secret is too short; use at least %d characters", minSecret)
	}
	if s.BounceSecret == "" {
		for name, value := range map[string]string{
			"return_path": s.ReturnPath, "bounce_folder": s.BounceFolder, "callback_secret": s.CallbackSecret,
		} {
			if value != "" {
				return fmt.Errorf("%s needs bounce_secret, which proves that a bounce is about a message of ours", name)
			}
		}
		return nil
	}
	if len(s.BounceSecret) < minSecret {
		return fmt.Errorf("bounce_secret is too short; use at least %d characters", minSecret)
	}
	if s.BounceFolder != "" {
		if info, err := os.Stat(filepath.Join(s.BounceFolder, "new")); err != nil || !info.IsDir() {
			return fmt.Errorf("bounce_folder %s is not a Maildir: it has no folder new", s.BounceFolder)
		}
	}
	if s.ReturnPath == "" {
		return errors.New("bounce_secret needs return_path, the address that bounces go to")
	}
	parsed, err := mail.ParseAddress(s.ReturnPath)
	if err != nil {
		return fmt.Errorf("return_path %q is not an address; write it like bounces@mail.example.com", s.ReturnPath)
	}
	path, err := newAddress(parsed)
	if err != nil {
		return fmt.Errorf("return_path %q: %w", s.ReturnPath, err)
	}
	s.returns, err = newReturns([]byte(s.BounceSecret), path, s.from.domain)
	return err
}

// checkLimits checks rates and limits, and brings the names of domains into the form in which recipients have them.
func (s *settings) checkLimits() error {
	rates := make(map[string]float64, len(s.RatePerDomain))
	for domain, rate := range s.RatePerDomain {
		name := domain
		if domain != "*" {
			ascii, err := idna.Lookup.ToASCII(domain)
			if err != nil || !isDomain(ascii) {
				return fmt.Errorf("rate_per_domain: %q is not a domain", domain)
			}
			name = strings.ToLower(ascii)
		}
		if rate <= 0 {
			return fmt.Errorf("rate_per_domain: the rate of %s must be above 0 messages a second", domain)
		}
		rates[name] = rate
	}
	s.RatePerDomain = rates
	if s.MaxBounces < 0 || s.MaxBounces > 100 {
		return fmt.Errorf("max_bounces %g is outside of 0 to 100 percent", s.MaxBounces)
	}
	if s.MaxComplaints < 0 || s.MaxComplaints > 100 {
		return fmt.Errorf("max_complaints %g is outside of 0 to 100 percent", s.MaxComplaints)
	}
	if s.PauseAfter < 1 {
		return fmt.Errorf("pause_after %d must be at least 1", s.PauseAfter)
	}
	return nil
}

// isDomain takes the names that can stand in DNS and in a DKIM signature.
func isDomain(name string) bool {
	return isHostname(name) && !strings.ContainsAny(name, "[]:") && !strings.HasPrefix(name, ".") &&
		!strings.HasSuffix(name, ".") && !strings.Contains(name, "..")
}
