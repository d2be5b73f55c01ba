// Package breakeven answers the question of the article: when does a token cost less than what it saves? It weighs the time of a
// token against that of a look-up, and the bytes of a token on the wire against the time that it saves, and draws both.
//
// The figures are written as a table. The chart is drawn from that table, so that both always say the same.
package breakeven
