package validator

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/go-json-experiment/json/jsontext"
)

func TestNumericDate(t *testing.T) {
	for text, want := range map[string]struct {
		down, up int64
		ok       bool
	}{
		"0":                      {0, 0, true},
		"-0":                     {0, 0, true},
		"0.0":                    {0, 0, true},
		"0e5":                    {0, 0, true},
		"1764303600":             {1764303600, 1764303600, true},
		"1764303600.0":           {1764303600, 1764303600, true},
		"1764303600.25":          {1764303600, 1764303601, true},
		"1.7643036e9":            {1764303600, 1764303600, true},
		"1.7643036E+09":          {1764303600, 1764303600, true},
		"17643036000e-1":         {1764303600, 1764303600, true},
		"1e-400":                 {0, 0, true},
		"-1":                     {-1, -1, true},
		"-1.5":                   {-2, -1, true},
		"253402300799":           {MaxSeconds, MaxSeconds, true},
		"-62135596800":           {minSeconds, minSeconds, true},
		"253402300800":           {},
		"253402300799.5":         {},
		"-62135596800.5":         {},
		"1764303600000":          {}, // milliseconds
		"9223372036854775808":    {},
		"1e20":                   {},
		"1e400":                  {},
		"-1e400":                 {},
		`"1764303600"`:           {},
		"null":                   {},
		"true":                   {},
		"[1764303600]":           {},
		`{"seconds":1764303600}`: {},
	} {
		down, okDown := numericDate(jsontext.Value(text), math.Floor)
		up, okUp := numericDate(jsontext.Value(text), math.Ceil)
		if okDown != want.ok || okUp != want.ok || down != want.down || up != want.up {
			t.Errorf("%s: %d, %v and %d, %v", text, down, okDown, up, okUp)
		}
	}
}

// A date is what exact arithmetic makes of the number, and what go-jose reads.
func FuzzNumericDate(f *testing.F) {
	for _, text := range []string{"0", "-0.0", "1764303600.999", "1.7643036e9", "253402300800", "-62135596800", "1e400", "null", "1e-7", "-1e-17", "2.5e11"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) || strings.TrimSpace(text) != text || len(text) > 400 {
			return
		}
		got, ok := numericDate(jsontext.Value(text), math.Floor)
		if !ok {
			if got != 0 {
				t.Fatalf("%s: %d beside a refusal", text, got)
			}
			return
		}
		if got < minSeconds || got > MaxSeconds {
			t.Fatalf("%s: %d", text, got)
		}
		var theirs jwt.NumericDate
		if err := json.Unmarshal([]byte(text), &theirs); err != nil {
			t.Fatalf("%s: go-jose refuses it: %v", text, err)
		}
		if difference := int64(theirs) - got; difference < 0 || difference > 1 || difference == 1 && got >= 0 {
			t.Fatalf("%s: %d, go-jose reads %d", text, got, theirs) // it cuts off, also below 0
		}
		if _, exponent, _ := strings.Cut(strings.ToLower(text), "e"); len(exponent) > 4 {
			return // too large to calculate with
		}
		exact, isNumber := new(big.Rat).SetString(text)
		if !isNumber {
			t.Fatalf("%s is no number", text)
		}
		behind, _ := new(big.Rat).Sub(exact, new(big.Rat).SetInt64(got)).Float64()
		if behind < -1e-4 || behind > 1 { // both are the nearest number that the processor knows
			t.Fatalf("%s: %d is %v behind", text, got, behind)
		}
	})
}
