package breakeven

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/application"
	"github.com/caddy-jwt-session/caddy-jwt-session/bench/process"
)

// ApplicationRole is the role of the child that is an application.
const ApplicationRole = "application"

// Application is the role: it says where the application is, and serves until the end.
func Application(talk *process.Talk) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: application.New(false), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	if err := talk.Say(listener.Addr().String()); err != nil {
		return err
	}
	_, err = talk.Next(new(struct{})) // the end
	return errors.Join(err, server.Close())
}

// askApplication returns how long the question takes whose session it is, in an application that is another process.
func askApplication(ctx context.Context, dir string) (took time.Duration, err error) {
	child, err := process.Start(ctx, dir, ApplicationRole)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, child.End()) }()
	var address string
	if err := child.Read(&address); err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/whoami", nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Cookie", application.Cookie+"="+application.Session(1))
	return quickest(func() error {
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err == nil && len(text) == 0 {
			err = fmt.Errorf("the application says nothing: status %d", response.StatusCode)
		}
		return err
	})
}
