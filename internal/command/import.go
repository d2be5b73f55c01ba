package command

import (
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"
)

func importCommand() *cobra.Command {
	cmd := newCommand(details{
		use:   "import <file>|- [flags]",
		short: "Adds the sessions of a file, one JSON object a line",
		long: `Adds the sessions of a file, or of standard input: one JSON object a line, with the
members realm, id, user and, if need be, attributes and expires_in (seconds). For a
session of several cookies, id is an object of their values by name. The file may be
of any size. Lines that can't be added are named at the end and passed over, and the
exit code is 4.`,
		example: `  caddy jwt-session sessions import sessions.ndjson
  psql -At -c "select json_build_object('realm','shop','id',key,'user',user_id) from sessions" |
    caddy jwt-session sessions import -`,
	}, cobra.ExactArgs(1), importSessions)
	return withServer(withJSON(cmd))
}

// importRoute is the route's name in answers: it shares its path with another one.
const importRoute = "sessions import"

// importAnswer is what the admin API answers an import with.
type importAnswer struct {
	Imported int64 `json:"imported"`
	Failed   int64 `json:"failed"`
	Failures []struct {
		Line  int64  `json:"line"`
		Error string `json:"error"`
	} `json:"failures"`
}

func importSessions(c *call) error {
	source, size, err := openInput(c.InOrStdin(), c.arguments[0])
	if err != nil {
		return err
	}
	defer source.Close()
	progress := newProgress(c.ErrOrStderr(), "Importing", source, size)
	progress.countLines = true
	response, err := c.request(http.MethodPost, "sessions", "application/x-ndjson", progress)
	progress.done()
	if err != nil {
		return err
	}
	var answer importAnswer
	text, err := readAnswer(response, importRoute, &answer)
	if err != nil {
		return err
	}
	if c.is("json") {
		if err := c.printJSON(text); err != nil {
			return err
		}
	} else {
		for _, failed := range answer.Failures {
			c.remark("line %d: %s", failed.Line, failed.Error)
		}
		if unnamed := answer.Failed - int64(len(answer.Failures)); unnamed > 0 {
			c.remark("and %d lines more", unnamed)
		}
		c.say("Imported %s; %s failed.", plural(answer.Imported, "session"), plural(answer.Failed, "line"))
	}
	if answer.Failed > 0 {
		return &failure{code: Partly}
	}
	return nil
}

// openInput opens a file, or standard input if the name is "-". It returns the size too, or 0 if the size is not known.
func openInput(in io.Reader, name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(in), 0, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return file, 0, nil //nolint:nilerr // only the progress needs to know
	}
	return file, info.Size(), nil
}
