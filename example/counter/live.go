package counter

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"
)

// handshakeGUID is what the accept key is hashed with (RFC 6455 section 1.3).
const handshakeGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// live opens a WebSocket on which nothing is ever said. The gateway closes it when the visitor's session ends, and that is
// how the page learns of it.
func (c *Counter) live(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || key == "" {
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "want a WebSocket", http.StatusUpgradeRequired)
		return
	}
	hash := sha1.Sum([]byte(key + handshakeGUID))
	header := w.Header()
	header.Set("Upgrade", "websocket")
	header.Set("Connection", "Upgrade")
	header.Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(hash[:]))
	w.WriteHeader(http.StatusSwitchingProtocols)
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	// Whatever the browser says, above all its goodbye, is the end or of no interest. A browser that is quick has said it
	// before the connection was taken over: then the server has read it, and only the buffer still has it.
	_, _ = buffered.ReadByte()
}
