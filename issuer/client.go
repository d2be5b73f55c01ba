package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// maxDocument is the size of the largest document that is read, in bytes.
	maxDocument = 1 << 20
	// fetchTimeout is how long it may take to fetch what is published, metadata and keys together.
	fetchTimeout = 5 * time.Second
)

// client fetches documents.
type client struct{ http http.Client }

func newClient(transport http.RoundTripper) client {
	if transport == nil {
		transport = newTransport()
	}
	return client{http.Client{
		Transport: transport,
		// An address that redirects is not the one that was configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// newTransport returns a transport with connections of its own.
func newTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 64 << 10
	transport.IdleConnTimeout = 30 * time.Second
	return transport
}

// fetch returns the document at the address.
func (c client) fetch(ctx context.Context, address string) ([]byte, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("it is no URL")
	}
	request.Header.Set("Accept", "application/json, application/jwk-set+json")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("getting %s: status %d, want 200", address, response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("getting %s: %w", address, err)
	}
	if len(text) > maxDocument {
		return nil, fmt.Errorf("getting %s: over %d bytes", address, maxDocument)
	}
	return text, nil
}
