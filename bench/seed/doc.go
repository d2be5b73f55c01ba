// Package seed fills stores before they are measured.
package seed
