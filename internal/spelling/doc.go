// Package spelling finds the word that somebody meant to type.
//
// Its functions are pure. Words are short, and there are few of them: nothing here is made for texts.
package spelling
