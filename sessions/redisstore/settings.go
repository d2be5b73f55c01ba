package redisstore

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// The defaults of the options.
const (
	defaultMaxStale = 5 * time.Minute
	defaultTimeout  = time.Second
)

// prefixForm is the form of a prefix. Braces in it would take the keys of an installation apart.
var prefixForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

const wantedPrefix = "want 1 to 64 letters, digits, and _ . : -"

// readAuthority reads the file of an authority that signs the server's certificate.
func readAuthority(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("there is no certificate in PEM form in it")
	}
	return pool, nil
}

// secured returns how to connect by TLS. Without a pool the authorities of the system are trusted.
func secured(pool *x509.CertPool) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool} // each connection verifies the name that it asks for
}

// credentials are the user and the password, as they are when a connection begins.
type credentials func() (user, password string, err error)

// use lets connections ask for the user and the password. So a secret in a file can be changed while the gateway runs.
// Sentinels get those that are known now, as they have others than the server.
func (c credentials) use(option *rueidis.ClientOption) error {
	user, password, err := c()
	if err != nil {
		return err
	}
	if option.Username, option.Password = user, password; option.Sentinel.MasterSet != "" || password == "" {
		return nil
	}
	option.AuthCredentialsFn = func(rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) {
		user, password, err := c()
		if err != nil {
			return rueidis.AuthCredentials{}, &credentialError{err.Error()}
		}
		return rueidis.AuthCredentials{Username: user, Password: password}, nil
	}
	return nil
}

// markKey makes the marks of this process different from those of any other.
var markKey = func() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return key
}()

// markOf returns a text that differs for two secrets, and from which nobody can tell the secret.
func markOf(secret string) string {
	if secret == "" {
		return "none"
	}
	mark := hmac.New(sha256.New, markKey)
	mark.Write([]byte(secret))
	return "#" + hex.EncodeToString(mark.Sum(nil)[:4])
}

// describe returns what is fixed while a store is open. It tells two passwords apart and names neither.
func describe(user, password string, timeout time.Duration, dir string, replicas int, authority string) string {
	parts := []string{"redis", "username " + strconv.Quote(user), "password " + markOf(password), "timeout " + timeout.String(), fmt.Sprintf("dir %q", dir)}
	if replicas > 0 {
		parts = append(parts, "replicas "+strconv.Itoa(replicas))
	}
	if authority != "" {
		parts = append(parts, fmt.Sprintf("tls_ca %q", authority))
	}
	return strings.Join(parts, ", ")
}
