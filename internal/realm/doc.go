// Package realm reads the names of realms, and decides which names a realm of the configuration can have.
//
// A realm is one application's set of users. Its name is fixed, or a [Pattern] with placeholders: then each request has
// the realm that its values make. These hold throughout:
//
//   - All spellings of one host make one realm: letters of any case, a port, a final dot, Unicode or punycode, brackets,
//     zones and abbreviations of an IPv6 address.
//   - Two hosts never make one realm, nor do two rows of values of one pattern. Values for which this would not hold make
//     none.
//   - Names are ASCII: letters, digits, `_`, `-` and `.`. Those that placeholders make are in lower case.
package realm
