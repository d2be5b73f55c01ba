package cookies

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Record types of FastCGI.
const (
	beginRequest = 1
	endRequest   = 3
	parameters   = 4
	standardIn   = 5
	standardOut  = 6
)

// readWithPHP asks PHP by its server interface, where its cookie parser is: one request for each question, over one
// connection.
func readWithPHP(t *testing.T, questions []question) []string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "php")
	command := exec.Command("php-cgi", "-n", "-d", "cgi.force_redirect=0", "-b", socket)
	command.Env = append(os.Environ(), "PHP_FCGI_MAX_REQUESTS=0")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed: nothing to learn
	}()
	connection := dial(t, socket)
	defer connection.Close()
	script, err := filepath.Abs("read.php")
	if err != nil {
		t.Fatal(err)
	}
	answers := make([]string, 0, len(questions))
	reader := bufio.NewReader(connection)
	for _, asked := range questions {
		request := fastCGIRequest(map[string]string{
			"SCRIPT_FILENAME": script, "REQUEST_METHOD": "GET", "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1",
			"HTTP_COOKIE": asked.header, "WANT": hex.EncodeToString([]byte(asked.name)),
		})
		if _, err := connection.Write(request); err != nil {
			t.Fatal(err)
		}
		output, err := fastCGIAnswer(reader)
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := bytes.Cut(output, []byte("\r\n\r\n"))
		answers = append(answers, string(body))
	}
	return answers
}

// dial waits until somebody listens.
func dial(t *testing.T, socket string) net.Conn {
	t.Helper()
	for {
		connection, err := net.Dial("unix", socket)
		if err == nil {
			return connection
		}
		select {
		case <-t.Context().Done():
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func fastCGIRequest(values map[string]string) []byte {
	var pairs bytes.Buffer
	for name, value := range values {
		for _, text := range []string{name, value} {
			pairs.Write(binary.BigEndian.AppendUint32(nil, uint32(len(text))|1<<31))
		}
		pairs.WriteString(name + value)
	}
	var request []byte
	request = appendRecord(request, beginRequest, []byte{0, 1, 1, 0, 0, 0, 0, 0}) // a responder that keeps the connection
	request = appendRecord(request, parameters, pairs.Bytes())
	request = appendRecord(request, parameters, nil)
	return appendRecord(request, standardIn, nil)
}

func appendRecord(request []byte, kind byte, content []byte) []byte {
	request = append(request, 1, kind, 0, 1)
	request = binary.BigEndian.AppendUint16(request, uint16(len(content)))
	return append(append(request, 0, 0), content...)
}

func fastCGIAnswer(reader io.Reader) ([]byte, error) {
	var output []byte
	for {
		var header [8]byte
		if _, err := io.ReadFull(reader, header[:]); err != nil {
			return nil, fmt.Errorf("reading a record: %w", err)
		}
		length := int(binary.BigEndian.Uint16(header[4:]))
		content := make([]byte, length+int(header[6]))
		if _, err := io.ReadFull(reader, content); err != nil {
			return nil, fmt.Errorf("reading a record: %w", err)
		}
		switch header[1] {
		case standardOut:
			output = append(output, content[:length]...)
		case endRequest:
			return output, nil
		}
	}
}
