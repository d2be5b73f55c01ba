package jwtsession

import "go.uber.org/zap"

// warn writes a warning about this realm, the same one once a minute at most.
func (h *Handler) warn(message string, fields ...zap.Field) { h.warnAs(message, message, fields...) }

// warnAs does the same for a message that is counted apart by its key.
func (h *Handler) warnAs(key, message string, fields ...zap.Field) {
	if h.warnings.Due(key, h.app.Now()) {
		h.logger.Warn(message, append(fields, zap.String("realm", h.Realm))...)
	}
}
