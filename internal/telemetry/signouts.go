package telemetry

import "github.com/prometheus/client_golang/prometheus"

// SignOutsTotal counts what identity providers sent to sign users out.
var SignOutsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: metricsNamespace, Subsystem: metricsSubsystem, Name: "signouts_total",
	Help: "What identity providers sent to sign users out, by the door that it came by, and by what became of it.",
}, []string{"door", "outcome"})

// The doors that it comes by.
const (
	SignOutByLogout  = "logout"  // OpenID Connect Back-Channel Logout
	SignOutByPush    = "push"    // a security event that was pushed
	SignOutByPoll    = "poll"    // a security event that was polled for
	SignOutByRequest = "request" // Global Token Revocation
)

// What becomes of it.
const (
	SignOutDone     = "signed_out" // a session or a user was found
	SignOutNobody   = "nobody"     // it is about nobody who is known here
	SignOutVerified = "verified"   // it shows that a stream works
	SignOutIgnored  = "ignored"    // it is about something else
	SignOutRepeated = "repeated"   // it was carried out before
	SignOutRefused  = "refused"    // it is not accepted
	SignOutFailed   = "failed"     // it could not be carried out, and is to be sent again
)

func init() {
	for _, door := range []string{SignOutByLogout, SignOutByPush, SignOutByPoll, SignOutByRequest} {
		for _, outcome := range []string{
			SignOutDone, SignOutNobody, SignOutVerified, SignOutIgnored, SignOutRepeated, SignOutRefused, SignOutFailed,
		} {
			SignOutsTotal.WithLabelValues(door, outcome)
		}
	}
}
