package response

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
)

// Ways to write a response, as handlers have them.
var responseWays = []struct {
	name   string
	write  func(w http.ResponseWriter) error
	status int
	body   string
	before int // the status that the function is called with
}{
	{"status and body", func(w http.ResponseWriter) error {
		w.WriteHeader(http.StatusCreated)
		_, err := io.WriteString(w, "hello")
		return err
	}, http.StatusCreated, "hello", http.StatusCreated},
	{"body alone", func(w http.ResponseWriter) error {
		_, err := io.WriteString(w, "hello")
		return err
	}, http.StatusOK, "hello", http.StatusOK},
	{"ReadFrom", func(w http.ResponseWriter) error {
		_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("hello"))
		return err
	}, http.StatusOK, "hello", http.StatusOK},
	{"copy", func(w http.ResponseWriter) error {
		_, err := io.Copy(w, io.LimitReader(strings.NewReader("hello"), 4))
		return err
	}, http.StatusOK, "hell", http.StatusOK},
	{"flush first", func(w http.ResponseWriter) error {
		err := http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "hello")
		return err
	}, http.StatusOK, "hello", http.StatusOK},
	{"stream", func(w http.ResponseWriter) error {
		w.WriteHeader(http.StatusAccepted)
		for _, part := range []string{"a", "b", "c"} {
			_, _ = io.WriteString(w, part)
			if err := http.NewResponseController(w).Flush(); err != nil {
				return err
			}
		}
		return nil
	}, http.StatusAccepted, "abc", http.StatusAccepted},
	{"status alone", func(w http.ResponseWriter) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}, http.StatusNoContent, "", http.StatusNoContent},
	{"nothing", func(http.ResponseWriter) error { return nil }, http.StatusOK, "", http.StatusOK},
	{"interim responses first", func(w http.ResponseWriter) error {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.Header().Del("Link")
		w.WriteHeader(http.StatusOK)
		return nil
	}, http.StatusOK, "", http.StatusOK},
	{"interim response and body", func(w http.ResponseWriter) error {
		w.WriteHeader(http.StatusEarlyHints)
		_, err := io.WriteString(w, "hello")
		return err
	}, http.StatusOK, "hello", http.StatusOK},
}

func TestResponseWriterEveryWay(t *testing.T) {
	for _, way := range responseWays {
		t.Run(way.name, func(t *testing.T) {
			var called []int
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				response := NewWriter(w, func(status int) {
					called = append(called, status)
					w.Header().Add("Set-Cookie", "jwt_shop=x")
				})
				if err := way.write(response); err != nil {
					t.Error(err)
				}
				response.Begin(http.StatusOK) // what the handler does once the next one has returned
			}))
			defer server.Close()
			response, interim := getWithInterim(t, server)
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil || response.StatusCode != way.status || string(body) != way.body {
				t.Errorf("got status %d, body %q, %v", response.StatusCode, body, err)
			}
			if len(called) != 1 || called[0] != way.before {
				t.Errorf("the function was called with %v, want %d once", called, way.before)
			}
			if lines := response.Header["Set-Cookie"]; len(lines) != 1 {
				t.Errorf("the response has the cookies %q", lines)
			}
			for _, header := range interim {
				if len(header["Set-Cookie"]) > 0 {
					t.Error("an interim response has the cookie")
				}
			}
			if wantsInterim := strings.HasPrefix(way.name, "interim"); wantsInterim != (len(interim) > 0) {
				t.Errorf("there were %d interim responses", len(interim))
			}
		})
	}
}

// getWithInterim returns the final response and the heads of those before it.
func getWithInterim(t *testing.T, server *httptest.Server) (*http.Response, []textproto.MIMEHeader) {
	t.Helper()
	var interim []textproto.MIMEHeader
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(_ int, header textproto.MIMEHeader) error {
			interim = append(interim, header)
			return nil
		},
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response, interim
}

// A connection that changes its protocol: 101 is the last of HTTP, and the handler behind takes the connection over.
func TestResponseWriterSwitchingProtocols(t *testing.T) {
	var called []int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		response := NewWriter(w, func(status int) { called = append(called, status) })
		response.Header().Set("Upgrade", "echo")
		response.Header().Set("Connection", "Upgrade")
		response.WriteHeader(http.StatusSwitchingProtocols)
		connection, buffer, err := http.NewResponseController(response).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer connection.Close()
		response.Begin(http.StatusOK)
		line, err := buffer.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(connection, "echo "+line)
	}))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"echo"}}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	stream, ok := response.Body.(io.ReadWriter)
	if response.StatusCode != http.StatusSwitchingProtocols || !ok {
		t.Fatalf("status %d", response.StatusCode)
	}
	_, _ = io.WriteString(stream, "hello\n")
	if line, err := bufio.NewReader(stream).ReadString('\n'); err != nil || line != "echo hello\n" {
		t.Errorf("got %q, %v", line, err)
	}
	if len(called) != 1 || called[0] != http.StatusSwitchingProtocols {
		t.Errorf("the function was called with %v, want 101 once", called)
	}
}

// onlyWriter is a writer that can do no more than it must.
type onlyWriter struct{ http.ResponseWriter }

func TestResponseWriterThatCannotFlush(t *testing.T) {
	called := 0
	recorder := httptest.NewRecorder()
	response := NewWriter(onlyWriter{recorder}, func(int) { called++ })
	if err := http.NewResponseController(response).Flush(); !errors.Is(err, http.ErrNotSupported) || called != 1 {
		t.Errorf("flushing: %v, the function was called %d times", err, called)
	}
	if n, err := response.ReadFrom(strings.NewReader("hello")); n != 5 || err != nil || recorder.Body.String() != "hello" {
		t.Errorf("ReadFrom: %d, %v, %q", n, err, recorder.Body)
	}
	if _, ok := response.Unwrap().(onlyWriter); !ok || called != 1 {
		t.Errorf("the function was called %d times, unwrapping gives %T", called, response.Unwrap())
	}
}

// The function changes the header that goes out, not a copy of it.
func TestResponseWriterHeaderIsTheOneSent(t *testing.T) {
	recorder := httptest.NewRecorder()
	var response *Writer
	response = NewWriter(recorder, func(int) {
		response.Header().Set("X-Before", "yes")
		response.Header().Del("X-After")
	})
	response.Header().Set("X-After", "no")
	_, _ = response.Write(nil)
	response.Header().Set("X-Late", "too late")
	header := recorder.Result().Header
	if header.Get("X-Before") != "yes" || header["X-After"] != nil || header["X-Late"] != nil {
		t.Errorf("sent were %v", header)
	}
}

// Whoever goes on writing to a response that was cut is told, whichever way he writes.
func TestResponseWriterThatWasCut(t *testing.T) {
	recorder := httptest.NewRecorder()
	response := NewWriter(recorder, func(int) {})
	_, _ = io.WriteString(response, "before")
	response.IsCut.Store(true)
	_, errWrite := io.WriteString(response, "after")
	_, errReadFrom := response.ReadFrom(strings.NewReader("after"))
	errFlush := http.NewResponseController(response).Flush()
	for _, err := range []error{errWrite, errReadFrom, errFlush} {
		if !errors.Is(err, errCut) {
			t.Errorf("got %v", err)
		}
	}
	if recorder.Body.String() != "before" || recorder.Flushed {
		t.Errorf("got %q, flushed %t", recorder.Body, recorder.Flushed)
	}
}
