package web

import (
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// ReadSend reads the body of POST /v1/send.
func ReadSend(data []byte, key string) (engine.Direct, error) {
	var request wireSend
	if err := decodeStrict(data, &request); err != nil {
		return engine.Direct{}, err
	}
	return request.read(key)
}

// ReadConsent reads the body of POST /v1/consent.
func ReadConsent(data []byte) (lifecycle.Event, lifecycle.Consent, error) {
	var request wireConsent
	if err := decodeStrict(data, &request); err != nil {
		return lifecycle.Event{}, lifecycle.Consent{}, err
	}
	return request.read()
}
