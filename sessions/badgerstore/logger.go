package badgerstore

import (
	"fmt"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// badgerLogger hands Badger's messages on. Badger says much that only its own developers need: its information is for
// debugging here, and its debugging is dropped.
type badgerLogger struct{ logger *zap.Logger }

func (l badgerLogger) Errorf(format string, arguments ...any) {
	l.write(zapcore.ErrorLevel, format, arguments)
}

func (l badgerLogger) Warningf(format string, arguments ...any) {
	l.write(zapcore.WarnLevel, format, arguments)
}

func (l badgerLogger) Infof(format string, arguments ...any) {
	l.write(zapcore.DebugLevel, format, arguments)
}

func (l badgerLogger) Debugf(string, ...any) {}

func (l badgerLogger) write(level zapcore.Level, format string, arguments []any) {
	if !l.logger.Core().Enabled(level) {
		return
	}
	if message := strings.TrimSpace(fmt.Sprintf(format, arguments...)); message != "" {
		l.logger.Log(level, message)
	}
}
