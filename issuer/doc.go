// Package issuer keeps at hand what an identity provider publishes: its metadata and the keys that verify its tokens.
//
// A [Provider] is opened once for the whole process and outlives the configurations that use it. These hold throughout:
//
//   - Opening waits for nothing: until the provider has answered there are no keys, and whoever asks is told so.
//   - Keys are fetched in the background and stay in use through an outage, but no longer than [Options.StaleMax].
//   - A token that names a key which is not known makes the provider be asked again, [Options.RefreshMin] apart at least,
//     however many such tokens come. Requests that come meanwhile wait for the same answer.
//   - What is fetched comes by https, or by http from loopback, from the address itself and from no other that it
//     redirects to, and is of bounded size.
//   - A document counts only if it names the issuer exactly as it is configured (OpenID Connect Discovery 1.0 section 4.3).
package issuer
