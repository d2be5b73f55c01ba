package option

// SetDefault gives an option that is not set its default.
func SetDefault[T comparable](option *T, value T) {
	var unset T
	if *option == unset {
		*option = value
	}
}
