package launch

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// ModuleRoot returns the directory of this module's sources.
func ModuleRoot(ctx context.Context) (string, error) {
	const module = "github.com/caddy-jwt-session/caddy-jwt-session"
	command := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	var message strings.Builder
	command.Stderr = &message
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("finding the sources of %s with go list: %w\n%s", module, err, message.String())
	}
	return strings.TrimSpace(string(output)), nil
}
