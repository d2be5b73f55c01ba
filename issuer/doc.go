// Package issuer keeps at hand what an identity provider publishes: its metadata and the keys that verify its tokens.
//
// A [Provider] is opened once for the whole process and outlives the configurations that use it. These hold throughout:
//
//   - [Open] waits for nothing. Until the provider has answered there are no keys. For a few seconds after [Open], callers
//     wait for the first answer. After that, every method returns [ErrUnavailable].
//   - Keys are fetched in the background. They stay in use through an outage, but no longer than [Options.StaleMax].
//   - The provider is asked again for a token that names an unknown key. There are at least [Options.RefreshMin] between
//     two such questions, however many such tokens come. Requests that come meanwhile wait for the same answer.
//   - Documents are fetched by https, or by http from loopback. Redirects are not followed. The size is bounded.
//   - Metadata are accepted only if they name the issuer exactly as it is configured (OpenID Connect Discovery 1.0
//     section 4.3).
package issuer
