package jwtsession

// What the tests outside of the package need of its inside: the options of each block, and the parser.
const (
	HandlerOptions     = handlerOptions
	WhoamiOptions      = whoamiOptions
	SessionIDOptions   = sessionIDOptions
	IssuerOptions      = issuerOptions
	TokenCookieOptions = tokenCookieOptions
	CombinedOptions    = combinedOptions
)

var ParseHandler = parseHandler
