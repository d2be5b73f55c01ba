package command

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// withRealm adds the flag --realm, which completes to the realms of the running gateway.
func withRealm(cmd *cobra.Command, use string) {
	cmd.Flags().String("realm", "", use)
	must(cmd.RegisterFlagCompletionFunc("realm", completeRealm))
}

// completionTime is how long somebody waits for the completion of a word.
const completionTime = 2 * time.Second

// completeRealm returns the realms that begin with a word. It returns none if the gateway does not tell in time.
func completeRealm(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	found := make(chan []string, 1)
	go func() { found <- realmsOf(&call{Command: cmd}) }()
	select {
	case realms := <-found:
		return slices.DeleteFunc(realms, func(name string) bool { return !strings.HasPrefix(name, word) }), cobra.ShellCompDirectiveNoFileComp
	case <-time.After(completionTime):
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// realmsOf returns the realms of the gateway, in order. A realm with placeholders is none that a flag can name.
func realmsOf(c *call) []string {
	var status struct {
		Realms map[string]struct{} `json:"realms"`
	}
	if _, err := c.ask(http.MethodGet, "status", nil, &status); err != nil {
		return nil
	}
	names := slices.Sorted(maps.Keys(status.Realms))
	return slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, "{") || printable(name) != name })
}
