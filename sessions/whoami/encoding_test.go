package whoami

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// encode applies content codings in the given order.
func encode(t testing.TB, body string, codings ...string) string {
	t.Helper()
	for _, coding := range codings {
		var buffer bytes.Buffer
		var writer io.WriteCloser
		switch coding {
		case "gzip":
			writer = gzip.NewWriter(&buffer)
		case "zlib":
			writer = zlib.NewWriter(&buffer)
		case "flate":
			writer, _ = flate.NewWriter(&buffer, flate.DefaultCompression)
		case "br":
			writer = brotli.NewWriter(&buffer)
		case "zstd":
			writer, _ = zstd.NewWriter(&buffer)
		}
		if _, err := io.WriteString(writer, body); err != nil {
			t.Fatal(err)
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		body = buffer.String()
	}
	return body
}

func TestDecodeBody(t *testing.T) {
	const limit = 2000
	text := strings.Repeat("alice ", 300)
	bomb := strings.Repeat("x", 4<<20)
	for name, test := range map[string]struct {
		encoding []string
		raw      string
		want     string
		reason   Reason
	}{
		"none":                    {nil, text, text, ""},
		"none, at the limit":      {nil, bomb[:limit], bomb[:limit], ""},
		"none, over the limit":    {nil, bomb[:limit+1], "", TooLarge},
		"identity":                {[]string{"identity, ,"}, text, text, ""},
		"gzip":                    {[]string{"gzip"}, encode(t, text, "gzip"), text, ""},
		"gzip by another name":    {[]string{"X-GZip"}, encode(t, text, "gzip"), text, ""},
		"gzip, at the limit":      {[]string{"gzip"}, encode(t, bomb[:limit], "gzip"), bomb[:limit], ""},
		"gzip, over the limit":    {[]string{"gzip"}, encode(t, bomb[:limit+1], "gzip"), "", TooLarge},
		"deflate":                 {[]string{"deflate"}, encode(t, text, "zlib"), text, ""},
		"deflate without wrapper": {[]string{"deflate"}, encode(t, text, "flate"), text, ""},
		"br":                      {[]string{"br"}, encode(t, text, "br"), text, ""},
		"zstd":                    {[]string{"zstd"}, encode(t, text, "zstd"), text, ""},
		"two in a line":           {[]string{"gzip, zstd"}, encode(t, text, "gzip", "zstd"), text, ""},
		"three in two lines": {
			[]string{"br", "identity, gzip, deflate"}, encode(t, text, "br", "gzip", "zlib"), text, "",
		},
		"four": {
			[]string{"gzip, gzip, gzip, gzip"}, encode(t, text, "gzip", "gzip", "gzip", "gzip"), "", UnknownEncoding,
		},
		"wrong order":         {[]string{"zstd, gzip"}, encode(t, text, "gzip", "zstd"), "", BadEncoding},
		"unknown":             {[]string{"compress"}, text, "", UnknownEncoding},
		"unknown below":       {[]string{"compress, gzip"}, encode(t, text, "gzip"), "", UnknownEncoding},
		"with a dictionary":   {[]string{"dcb"}, text, "", UnknownEncoding},
		"not gzip":            {[]string{"gzip"}, text, "", BadEncoding},
		"not deflate":         {[]string{"deflate"}, text, "", BadEncoding},
		"not br":              {[]string{"br"}, text, "", BadEncoding},
		"not zstd":            {[]string{"zstd"}, text, "", BadEncoding},
		"gzip cut off":        {[]string{"gzip"}, encode(t, text, "gzip")[:30], "", BadEncoding},
		"deflate cut off":     {[]string{"deflate"}, encode(t, text, "zlib")[:20], "", BadEncoding},
		"deflate of one byte": {[]string{"deflate"}, "x", "", BadEncoding},
		"br cut off":          {[]string{"br"}, encode(t, text, "br")[:10], "", BadEncoding},
		"zstd cut off":        {[]string{"zstd"}, encode(t, text, "zstd")[:20], "", BadEncoding},
		"gzip and more":       {[]string{"gzip"}, encode(t, text, "gzip") + "more", "", BadEncoding},
		"nothing":             {[]string{"gzip"}, "", "", ""},
		"deflate bomb":        {[]string{"deflate"}, encode(t, bomb[:1<<20], "zlib"), "", TooLarge},
		"br bomb":             {[]string{"br"}, encode(t, bomb, "br"), "", TooLarge},
		"zstd bomb":           {[]string{"zstd"}, encode(t, bomb, "zstd"), "", TooLarge},
		"bomb in a bomb":      {[]string{"gzip, br"}, encode(t, bomb, "gzip", "br"), "", TooLarge},
		"bomb of nothing": {
			[]string{"gzip, br"}, encode(t, strings.Repeat(encode(t, "", "gzip"), 2_000), "br"), "", TooLarge,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, reason := decodeBody(http.Header{"Content-Encoding": test.encoding}, []byte(test.raw), limit)
			if string(got) != test.want || reason != test.reason {
				t.Errorf("%d bytes, %q, want %d bytes, %q", len(got), reason, len(test.want), test.reason)
			}
		})
	}
	// The reason goes on to the outcome, whatever the place of the user id.
	page := &Page{User: mustParse(t, "header", "X-User"), MaxBody: limit}
	wantOutcome(t, page.Read(newAnswer(200, text, "X-User", "alice", "Content-Encoding", "compress"), nil),
		CouldNotTell{Reason: UnknownEncoding})
	wantOutcome(t, page.Read(newAnswer(200, bomb[:limit+1], "X-User", "alice"), nil), CouldNotTell{Reason: TooLarge})
}
