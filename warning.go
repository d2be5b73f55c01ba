package jwtsession

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// warnings keeps one condition from filling the log: each message is written once a minute at most. The zero value is
// ready to use.
type warnings struct {
	mutex sync.Mutex
	last  map[string]time.Time
}

// due says whether the message may be written now. There are as many messages as there are calls in the code, and for
// each as many keys as there are reasons.
func (w *warnings) due(message string, now time.Time) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if last, written := w.last[message]; written && now.Sub(last) < time.Minute && !now.Before(last) {
		return false
	}
	if w.last == nil {
		w.last = make(map[string]time.Time)
	}
	w.last[message] = now
	return true
}

// warn writes a warning about this realm, the same one once a minute at most.
func (h *Handler) warn(message string, fields ...zap.Field) { h.warnAs(message, message, fields...) }

// warnAs does the same for a message that is counted apart by its key.
func (h *Handler) warnAs(key, message string, fields ...zap.Field) {
	if h.warnings.due(key, h.app.now()) {
		h.logger.Warn(message, append(fields, zap.String("realm", h.Realm))...)
	}
}
