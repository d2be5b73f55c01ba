package paths

import (
	"net/http"
	"time"

	"github.com/caddy-jwt-session/caddy-jwt-session/bench/chain"
)

// Path is one way that requests take.
type Path struct {
	Name string
	// Handler and Options are the gateway's. Floor is what the floor handler gets after its users, empty if it has
	// no such path.
	Handler, Options, Floor string
	// With is what requests come with. Answers is the status of the answers. Sets says whether they bring a token.
	With    chain.Credential
	Answers int
	Sets    bool
	// Revoked says whether the blacklist is filled.
	Revoked bool

	Goal  Goal
	Bound Bound
}

// Goal is what the path is to cost at most.
type Goal struct {
	// CPU is the goal in words, and met says whether it is met. A path without a goal has neither.
	CPU string
	met met
	// Allocations and Bytes are for a request. 0: no goal.
	Allocations, Bytes int
}

// Bound is what fails the command and the tests: at most so many allocations and bytes a request over a bare chain. It holds what
// is there. Whoever makes a path cheaper lowers it; the goal stands beside it.
type Bound struct{ Allocations, Bytes int }

// The names of paths that goals name.
const (
	mint    = "session hit and mint"
	nothing = "refusal: no token"
)

const (
	// Answers of the application are good for so long that no session is confirmed and no token renewed while it is measured.
	mixed    = "jwt_session shop {\nwhoami /whoami json user\ntoken_lifetime 10m\n}"
	stateful = "jwt_session shop {\nwhoami /whoami json user\nmode stateful\ntoken_lifetime 10m\n}"
	rolls    = "jwt_session shop {\nwhoami /whoami json user {\nrolling\n}\ntoken_lifetime 10m\n}"

	// floorRevoked is how many revocations the floor handler has, on every path.
	floorRevoked = "120000"
	// few is how many tokens are remembered so that none is when it comes again.
	few = "100"
)

// All are the paths, in the order of the table.
var All = []Path{
	{
		Name: "token seen before, empty blacklist", Handler: mixed, Floor: floorRevoked + " 100000 {dir} mints",
		With: chain.Token, Answers: http.StatusOK,
		Goal: Goal{CPU: "1.3 × floor", met: floors(1.3), Allocations: 6, Bytes: 700}, Bound: Bound{5, 1250},
	},
	{
		Name: "token seen before, filled blacklist", Handler: mixed, Floor: floorRevoked + " 100000 {dir} mints",
		With: chain.Token, Answers: http.StatusOK, Revoked: true,
		Goal: Goal{CPU: "1.3 × floor", met: floors(1.3), Allocations: 6, Bytes: 700}, Bound: Bound{5, 1250},
	},
	{
		Name: "token, first sight (HS256)", Handler: mixed, Options: "token_cache " + few, Floor: floorRevoked + " " + few + " {dir} mints",
		With: chain.Token, Answers: http.StatusOK,
		Goal:  Goal{CPU: "7 µs, or 1.6 × floor", met: either(atMost(7*time.Microsecond), floors(1.6)), Allocations: 29},
		Bound: Bound{18, 3050},
	},
	{
		Name: "session hit, records in tables on disk", Handler: stateful, Floor: floorRevoked + " 100000 {dir}",
		With: chain.Session, Answers: http.StatusOK,
		Goal:  Goal{CPU: "8 µs, or 1.3 × floor", met: either(atMost(8*time.Microsecond), floors(1.3)), Allocations: 28},
		Bound: Bound{28, 3000},
	},
	{
		Name: mint, Handler: mixed, Floor: floorRevoked + " 100000 {dir} mints",
		With: chain.Session, Answers: http.StatusOK, Sets: true,
		Goal: Goal{CPU: "14 µs", met: atMost(14 * time.Microsecond), Allocations: 45}, Bound: Bound{39, 5300},
	},
	{
		Name: nothing, Handler: mixed, Floor: floorRevoked + " 100000 {dir} mints",
		With: chain.Nothing, Answers: http.StatusUnauthorized, Bound: Bound{12, 1300},
	},
	{
		Name: "refusal: garbage for a token", Handler: mixed, Floor: floorRevoked + " 100000 {dir} mints",
		With: chain.Garbage, Answers: http.StatusUnauthorized,
		Goal: Goal{CPU: "1 µs above no token", met: above(time.Microsecond, nothing)}, Bound: Bound{22, 2700},
	},
	{
		Name: "refusal: forged token", Handler: mixed, Floor: floorRevoked + " 100000 {dir} mints",
		With: chain.Forged, Answers: http.StatusUnauthorized, Bound: Bound{23, 3050},
	},
	{
		Name: "rolling session, each answer", Handler: rolls, With: chain.Rolling, Answers: http.StatusOK, Sets: true,
		Goal: Goal{CPU: "1.5 × hit and mint", met: times(1.5, mint)}, Bound: Bound{260, 20500},
	},
}

// met reports whether a row of the results meets a goal.
type met func(row Row, of Results) bool

// floors is met at so many times the floor.
func floors(factor float64) met {
	return func(row Row, _ Results) bool { return float64(row.Ours.CPU) <= factor*float64(row.Floor.CPU) }
}

func atMost(most time.Duration) met {
	return func(row Row, _ Results) bool { return row.Ours.CPU <= most }
}

// times is met at so many times what another path costs.
func times(factor float64, path string) met {
	return func(row Row, of Results) bool { return float64(row.Ours.CPU) <= factor*float64(of.ours(path).CPU) }
}

// above is met at so much more than what another path costs.
func above(more time.Duration, path string) met {
	return func(row Row, of Results) bool { return row.Ours.CPU <= of.ours(path).CPU+more }
}

func either(one, other met) met {
	return func(row Row, of Results) bool { return one(row, of) || other(row, of) }
}
