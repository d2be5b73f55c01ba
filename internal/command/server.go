package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// withServer adds the flags that say where the admin endpoint is, as `caddy reload` has them.
func withServer(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().String("address", "", "Address of the admin endpoint, if not the default")
	withConfig(cmd, "Configuration file to find the admin endpoint by, if --address is not given")
	return cmd
}

func withConfig(cmd *cobra.Command, use string) {
	cmd.Flags().StringP("config", "c", "", use)
	cmd.Flags().StringP("adapter", "a", "", "Name of the configuration's adapter")
}

// errAdminOff is the answer where there is no admin endpoint to talk to.
var errAdminOff = &failure{code: Unreachable, text: "the configuration says `admin off`, so there is no admin endpoint to " +
	"talk to; let Caddy have one, which may be a Unix socket: `admin unix//run/caddy/admin.sock`"}

// address finds the admin endpoint, as `caddy reload` does: without flags by the Caddyfile of the working directory, if
// there is one.
func (c *call) address() (string, error) {
	address, file, adapter := c.text("address"), c.text("config"), c.text("adapter")
	var config []byte
	if address == "" {
		var err error
		if config, file, _, err = caddycmd.LoadConfig(file, adapter); err != nil {
			return "", err
		}
		var read struct {
			Admin *caddy.AdminConfig `json:"admin"`
		}
		if json.Unmarshal(config, &read) == nil && read.Admin != nil && read.Admin.Disabled {
			return "", errAdminOff
		}
	}
	return caddycmd.DetermineAdminAPIAddress(address, config, file, adapter)
}

// request sends a request to the gateway. It returns an error for any answer but a good one. The caller closes the body.
func (c *call) request(method, route, contentType string, body io.Reader) (*http.Response, error) {
	if c.endpoint == "" { // found once: a configuration on standard input is there once
		var err error
		if c.endpoint, err = c.address(); err != nil {
			return nil, err
		}
	}
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	response, err := caddycmd.AdminAPIRequest(c.endpoint, method, "/jwt_session/"+route, header, body)
	if err != nil {
		return nil, explain(c.endpoint, err)
	}
	return response, nil
}

// explain returns an error that tells the operator why there is no good answer.
func explain(address string, err error) error {
	if status, message, answered := refusal(err); answered {
		switch {
		case status == http.StatusNotFound && !strings.HasPrefix(message, "{"):
			return unreachable("the Caddy at %s has no jwt_session admin API: it was built without this module, or with another "+
				"version of it", address)
		case status == http.StatusServiceUnavailable:
			return &failure{code: Unreachable, text: "the gateway can't do it now: " + words(message)}
		default:
			return &failure{code: Refused, text: "the gateway refused: " + words(message)}
		}
	}
	if network := new(net.OpError); errors.As(err, &network) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) ||
		strings.Contains(err.Error(), "dial") {
		return unreachable("no Caddy answers at %s. Is it running? Name its admin endpoint with --address, or its configuration "+
			"with --config; with `admin off` it has none", address)
	}
	return err
}

// refusal takes apart what Caddy's client makes of an answer that is no good one.
func refusal(err error) (status int, message string, answered bool) {
	_, text, found := strings.Cut(err.Error(), "caddy responded with error: HTTP ")
	if !found {
		return 0, "", false
	}
	number, message, _ := strings.Cut(text, ": ")
	status, err = strconv.Atoi(number)
	return status, strings.TrimSpace(message), err == nil
}

// words returns the message inside of an API error.
func words(message string) string {
	var read struct {
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(message), &read) == nil && read.Error != "" {
		return read.Error
	}
	return message
}

// ask sends a JSON body, or none with GET, and reads the answer into a value. It also returns the answer as it came.
func (c *call) ask(method, route string, body, into any) (json.RawMessage, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	response, err := c.request(method, route, "", reader)
	if err != nil {
		return nil, err
	}
	return readAnswer(response, route, into)
}

// answers names a member that the answers of each route have. An answer without it comes from no gateway: it may come from a
// site, whose good words revoke nothing.
var answers = map[string]string{
	"sessions/list": "sessions", "sessions/end": "ended", "revocations": "revoked", "keys": "keys", "keys/rotate": "kid",
	"status": "store", "sessions": "hash", importRoute: "imported",
}

func readAnswer(response *http.Response, route string, into any) (json.RawMessage, error) {
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's answer: %w", err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members[answers[route]] == nil {
		return nil, unreachable("what answers there is no jwt_session gateway's admin endpoint, or one of another version; so it " +
			"is not known whether anything was done. Look at --address or --config")
	}
	if err := json.Unmarshal(text, into); err != nil {
		return nil, errors.New("the gateway's answer is not of the form that this version of the command knows")
	}
	return text, nil
}
