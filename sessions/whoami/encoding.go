package whoami

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// maxCodings is how many content codings one answer may have on top of one another. Nobody sends more than one on
// purpose; a handler that compresses what is compressed already makes two.
const maxCodings = 3

// maxWindow is the largest window of zstd that is decoded: what RFC 9659 section 3 lets a sender use.
const maxWindow = 8 << 20

var (
	errTooLarge        = errors.New("decoding answer: larger than allowed")
	errUnknownEncoding = errors.New("decoding answer: unknown content coding")
)

// decodeBody undoes the content codings of a body (RFC 9110 section 8.4). Neither the result nor any step on the way is
// longer than limit.
func decodeBody(header http.Header, raw []byte, limit int) ([]byte, Reason) {
	codings := contentCodings(header["Content-Encoding"])
	if len(raw) > limit {
		return nil, TooLarge
	}
	if len(codings) == 0 || len(raw) == 0 {
		return raw, ""
	}
	if len(codings) > maxCodings {
		return nil, UnknownEncoding
	}
	tooLarge := false
	var reader io.Reader = bytes.NewReader(raw)
	for _, coding := range slices.Backward(codings) {
		decoder, err := newDecoder(coding, reader)
		if err != nil {
			return nil, decodingReason(err, tooLarge)
		}
		defer decoder.Close()
		reader = &cappedReader{reader: decoder, left: limit, tooLarge: &tooLarge}
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		return nil, decodingReason(err, tooLarge)
	}
	return body, ""
}

func decodingReason(err error, tooLarge bool) Reason {
	switch {
	case tooLarge:
		return TooLarge
	case errors.Is(err, errUnknownEncoding):
		return UnknownEncoding
	default:
		return BadEncoding
	}
}

// contentCodings returns the codings in the order in which they were applied, less those that change nothing.
func contentCodings(lines []string) []string {
	var codings []string
	for _, line := range lines {
		for coding := range strings.SplitSeq(line, ",") {
			coding = strings.ToLower(strings.Trim(coding, " \t"))
			if coding != "" && coding != "identity" {
				codings = append(codings, coding)
			}
		}
	}
	return codings
}

func newDecoder(coding string, reader io.Reader) (io.ReadCloser, error) {
	switch coding {
	case "gzip", "x-gzip":
		return gzip.NewReader(reader)
	case "deflate":
		return newInflater(reader)
	case "br":
		return io.NopCloser(brotli.NewReader(reader)), nil
	case "zstd":
		decoder, err := zstd.NewReader(reader, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	default:
		return nil, errUnknownEncoding
	}
}

// newInflater reads deflate with the zlib wrapper that it should have, or without, as some servers send it (RFC 9110
// section 8.4.1.2).
func newInflater(reader io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReader(reader)
	start, err := buffered.Peek(2)
	if err == nil && start[0]&0x0f == 8 && (uint(start[0])<<8|uint(start[1]))%31 == 0 {
		return zlib.NewReader(buffered)
	}
	return flate.NewReader(buffered), nil
}

// cappedReader passes on at most the given number of bytes; more are an error, which the flag remembers for decoders
// that replace errors by their own.
type cappedReader struct {
	reader   io.Reader
	left     int
	tooLarge *bool
}

func (c *cappedReader) Read(p []byte) (int, error) {
	if len(p) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.reader.Read(p)
	if n > c.left {
		*c.tooLarge = true
		return 0, errTooLarge
	}
	c.left -= n
	return n, err
}
