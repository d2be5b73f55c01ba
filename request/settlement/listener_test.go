package settlement

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"testing"

	"github.com/caddy-jwt-session/caddy-jwt-session/validator"
)

func TestBringsOtherCredential(t *testing.T) {
	certified := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
	for _, test := range []struct {
		authorization []string
		header        http.Header
		tls           *tls.ConnectionState
		access        validator.AccessState
		want          bool
	}{
		{nil, nil, nil, validator.AccessAbsent, false},
		{nil, http.Header{"Authorization": {"ours"}, "Cookie": {"a=b"}}, nil, validator.AccessAbsent, false},
		{nil, nil, new(tls.ConnectionState), validator.AccessAbsent, false},
		{[]string{""}, nil, nil, validator.AccessAbsent, true},
		{[]string{"Basic x"}, nil, nil, validator.AccessAbsent, true},
		{nil, http.Header{"Proxy-Authorization": {""}}, nil, validator.AccessAbsent, true},
		{nil, nil, certified, validator.AccessAbsent, true},
		{nil, http.Header{"Client-Cert": {":YQ==:"}}, nil, validator.AccessAbsent, true},
		{nil, http.Header{"Client-Cert": {""}, "X-Forwarded-Client-Cert": {"By=a"}}, nil, validator.AccessAbsent, false},
		{nil, nil, nil, validator.AccessUsable, true},
		{nil, nil, nil, validator.AccessUndetermined, true},
		{nil, nil, nil, validator.AccessUnusable, true},
	} {
		request := &http.Request{Header: test.header, TLS: test.tls}
		if got := bringsOtherCredential(request, test.authorization, test.access); got != test.want {
			t.Errorf("%s: got %v", fmt.Sprint(test.authorization, test.header, test.access), got)
		}
	}
}
