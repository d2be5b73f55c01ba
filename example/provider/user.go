package provider

import "crypto/subtle"

// User is somebody who can sign in.
type User struct {
	Subject  string // the claim sub: never changes, and is not the name that the user types
	Name     string
	Password string
	FullName string   // the claim name of ID tokens
	Scope    []string // what the user may do; an access token carries what of it was asked for
}

// Users are all who can sign in. Their passwords are public: the example prints them.
func Users() []User {
	return []User{
		{Subject: "alice", Name: "alice", Password: "alice-pass-1", FullName: "Alice Adams", Scope: []string{"buy"}},
		{Subject: "bob", Name: "bob", Password: "bob-pass-1", FullName: "Bob Brown", Scope: []string{"buy", "stock"}},
	}
}

// authenticate returns the user with that name and password.
func authenticate(name, password string) (User, bool) {
	for _, user := range Users() {
		if user.Name == name && subtle.ConstantTimeCompare([]byte(user.Password), []byte(password)) == 1 {
			return user, true
		}
	}
	return User{}, false
}
