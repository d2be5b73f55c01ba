// Package report writes down what was measured: tables in Markdown, medians, and how far the rig is.
package report
