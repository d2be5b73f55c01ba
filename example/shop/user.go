package shop

import "crypto/subtle"

// User is somebody who can sign in.
type User struct {
	Name     string
	Password string
	Role     string
}

// Users are all who can sign in. Their passwords are public: the example prints them.
func Users() []User {
	return []User{
		{Name: "alice", Password: "alice-pass-1", Role: "customer"},
		{Name: "bob", Password: "bob-pass-1", Role: "staff"},
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
