package record

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/sessions"
)

// The kinds of an attribute, as they are written.
const (
	absentAttribute = iota
	textAttribute
	listAttribute
)

// ErrDamaged is returned for bytes that were not written by this package.
var ErrDamaged = errors.New("a record is damaged")

// AppendSession appends the bytes of a session: all but its key.
func AppendSession(data []byte, session sessions.Session) []byte {
	data = append(data, byte(session.Source), flags(session))
	data = binary.AppendVarint(data, session.AuthTime)
	for _, at := range [...]time.Time{session.Seen, session.Confirmed, session.Ends, session.Expires} {
		data = binary.AppendVarint(data, at.Unix())
		data = binary.AppendUvarint(data, uint64(at.Nanosecond()))
	}
	data = appendText(data, session.User)
	data = binary.AppendUvarint(data, uint64(len(session.Attributes)))
	for name, attribute := range session.Attributes {
		data = appendText(data, name)
		data = appendAttribute(data, attribute)
	}
	if session.Provider.Present() {
		data = append(data, session.Provider[:]...)
	}
	return data
}

// The flags of a record.
const (
	rollingFlag  = 1 << iota
	providerFlag // the provider's session stands at the end
	knownFlags   = iota
)

func flags(session sessions.Session) byte {
	var set byte
	if session.Rolling {
		set |= rollingFlag
	}
	if session.Provider.Present() {
		set |= providerFlag
	}
	return set
}

func appendText(data []byte, text string) []byte {
	data = binary.AppendUvarint(data, uint64(len(text)))
	return append(data, text...)
}

func appendAttribute(data []byte, attribute sessions.Attribute) []byte {
	texts := attribute.Texts()
	switch {
	case !attribute.Present():
		return append(data, absentAttribute)
	case !attribute.IsList():
		return appendText(append(data, textAttribute), texts[0])
	}
	data = binary.AppendUvarint(append(data, listAttribute), uint64(len(texts)))
	for _, text := range texts {
		data = appendText(data, text)
	}
	return data
}

// ParseSession reads what [AppendSession] wrote, and keeps no reference to it. It returns [ErrDamaged] for anything else.
func ParseSession(key sessions.Key, payload []byte) (sessions.Session, error) {
	p := parser{data: payload, text: string(payload)}
	session := sessions.Session{Key: key}
	session.Source = sessions.Source(p.byte())
	set := p.flags()
	session.Rolling = set&rollingFlag != 0
	session.AuthTime = p.varint()
	session.Seen, session.Confirmed = p.time(), p.time()
	session.Ends, session.Expires = p.time(), p.time()
	session.User = p.string()
	if count := p.count(); count > 0 {
		session.Attributes = make(sessions.Attributes, count)
		for range count {
			name := p.string()
			session.Attributes[name] = p.attribute()
		}
	}
	if set&providerFlag != 0 {
		session.Provider = p.provider()
	}
	if p.bad || p.at != len(p.data) {
		return sessions.Session{}, ErrDamaged
	}
	return session, nil
}

// parser reads a payload from its start. Once something is not there, bad is set and all that follows is zero.
type parser struct {
	data []byte
	text string // the same as data: all strings are parts of it
	at   int
	bad  bool
}

func (p *parser) fail() { p.bad, p.at = true, len(p.data) }

func (p *parser) byte() byte {
	if p.at >= len(p.data) {
		p.fail()
		return 0
	}
	p.at++
	return p.data[p.at-1]
}

// flags reads a byte of flags.
func (p *parser) flags() byte {
	value := p.byte()
	if value >= 1<<knownFlags {
		p.fail()
	}
	return value
}

// provider reads a provider's session, which is not zero.
func (p *parser) provider() sessions.ProviderSession {
	var session sessions.ProviderSession
	if copy(session[:], p.data[p.at:]) < len(session) || !session.Present() {
		p.fail()
		return sessions.ProviderSession{}
	}
	p.at += len(session)
	return session
}

func (p *parser) varint() int64 {
	value, size := binary.Varint(p.data[p.at:])
	if size <= 0 {
		p.fail()
		return 0
	}
	p.at += size
	return value
}

func (p *parser) uvarint() uint64 {
	value, size := binary.Uvarint(p.data[p.at:])
	if size <= 0 {
		p.fail()
		return 0
	}
	p.at += size
	return value
}

// count reads how many bytes or things follow. None of them takes less than a byte.
func (p *parser) count() int {
	count := p.uvarint()
	if count > uint64(len(p.data)-p.at) {
		p.fail()
		return 0
	}
	return int(count)
}

func (p *parser) time() time.Time {
	seconds, nanoseconds := p.varint(), p.uvarint()
	if nanoseconds >= uint64(time.Second) {
		p.fail()
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanoseconds)).UTC()
}

func (p *parser) string() string {
	size := p.count()
	p.at += size
	return p.text[p.at-size : p.at]
}

func (p *parser) attribute() sessions.Attribute {
	switch p.byte() {
	case absentAttribute:
		return sessions.Attribute{}
	case textAttribute:
		return sessions.Text(p.string())
	case listAttribute:
		texts := make([]string, p.count())
		for i := range texts {
			texts[i] = p.string()
		}
		return sessions.List(texts...)
	default:
		p.fail()
		return sessions.Attribute{}
	}
}
