package jwtsession

import (
	"strings"

	"github.com/caddy-jwt-session/caddy-jwt-session/internal/option"
)

const whoamiOptions = "nobody, pattern, attribute, cookies, timeout, negative_ttl, max_concurrent, max_per_client, " +
	"max_body, rolling, route"

func (p handlerParser) whoami() error {
	whoami := &Whoami{}
	p.handler.Whoami = whoami
	if !p.Args(&whoami.URI) {
		return p.Err("want whoami <uri> json <path> | header <name> | regex <expression>")
	}
	if err := p.Checked(p.extraction(&whoami.User), whoami.checkPage); err != nil {
		return err
	}
	return p.Block("whoami", whoamiOptions, func(name string) error {
		switch name {
		case "nobody":
			return p.Texts(&whoami.Nobody)
		case "pattern":
			return p.Checked(p.Text(&whoami.Pattern), whoami.checkPattern)
		case "attribute":
			return p.attribute(whoami)
		case "cookies":
			return p.Checked(p.Texts(&whoami.Cookies), whoami.checkCookies)
		case "timeout":
			return p.Duration(&whoami.Timeout)
		case "negative_ttl":
			return p.Duration(&whoami.NegativeTTL)
		case "max_concurrent":
			return p.Number(&whoami.MaxConcurrent)
		case "max_per_client":
			return p.Number(&whoami.MaxPerClient)
		case "max_body":
			return p.Size(&whoami.MaxBody)
		case "rolling":
			whoami.Rolling = true
			return p.End()
		case "route":
			return p.whoamiRoute(&whoami.Routes)
		}
		return option.ErrUnknown
	}, "attribute")
}

func (p handlerParser) attribute(whoami *Whoami) error {
	var name string
	if !p.Args(&name) {
		return p.Err("want attribute <name> json <path> | header <name> | regex <expression> [list <separator>]")
	}
	if _, twice := whoami.Attributes[name]; twice {
		return p.Errf("the attribute %s is read twice", name)
	}
	var from Extraction
	if err := p.attributeExtraction(&from); err != nil {
		return err
	}
	if whoami.Attributes == nil {
		whoami.Attributes = make(map[string]Extraction)
	}
	whoami.Attributes[name] = from
	return p.Checked(nil, func() error { return checkAttribute(name, from) })
}

// extraction reads the rest of the line: where a value is in the answer.
func (p handlerParser) extraction(from *Extraction) error {
	return p.place(p.RemainingArgs(), from)
}

// attributeExtraction reads the rest of the line: where an attribute is in the answer, and what separates its elements.
func (p handlerParser) attributeExtraction(from *Extraction) error {
	arguments := p.RemainingArgs()
	if len(arguments) != 4 || arguments[2] != "list" {
		return p.place(arguments, from)
	}
	if from.List = arguments[3]; from.List == "" {
		return p.Err("list: the separator is empty; want what stands between the elements, such as list ,")
	}
	return p.place(arguments[:2], from)
}

func (p handlerParser) place(arguments []string, from *Extraction) error {
	if len(arguments) == 2 {
		switch arguments[0] {
		case "json":
			from.JSON = arguments[1]
			return nil
		case "header":
			from.Header = arguments[1]
			return nil
		case "regex":
			from.Regex = arguments[1]
			return nil
		}
	}
	return p.Errf("want json <path>, header <name> or regex <expression>, got %q", strings.Join(arguments, " "))
}
