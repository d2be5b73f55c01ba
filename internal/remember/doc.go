// Package remember holds bounded memories: what a gateway remembers for speed, or for a while, and may forget. It knows
// nothing of what it remembers.
//
// A [Memory] maps keys to values. [Until] is a memory of keys alone, each until a time that the caller gives.
//
// These hold throughout:
//
//   - A memory never holds more than its bound. When it is full, the value that was put or got longest ago is forgotten.
//   - What is forgotten is not known. A memory never returns the value of another key or an older value of the same key.
//   - A memory made by [New] has one lock, and its bound and the order of forgetting are exact. One made by [NewSharded] or
//     [NewWeighed] has 64 parts with a lock each. Each part keeps the order and its share of the bound, and a random seed
//     decides where a key belongs. So such a memory may forget a little early, and nobody can aim at one part.
//   - The package reads no clock. The caller names the time, and nothing is dropped because time went by until
//     [Until.Sweep] is called: a clock that is set back brings back what it should.
//   - A question to an empty memory takes no lock, and no question allocates.
//   - A nil Memory and a zero Until remember nothing. All methods are safe for concurrent use.
package remember
