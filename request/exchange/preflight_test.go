package exchange

import "testing"

func TestWithoutMethod(t *testing.T) {
	for query, want := range map[string]string{
		"": "", "a": "a", "a=1&b=2": "a=1&b=2", "_method=DELETE": "", "a=1&_method=DELETE&b": "a=1&b", "_METHOD": "",
		"%5Fmethod=x&a": "a", "a;_method=x;b&c": "a;b&c", "X_HTTP_Method_Override=x&a=%zz": "a=%zz", "method=a&x_method=b": "method=a&x_method=b",
		"%zz=1&+_method=x": "%zz=1",
	} {
		if got := withoutMethod(query); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}
