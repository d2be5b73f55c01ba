#!/usr/bin/env bash
# An OpenID provider on oidc-provider from npm, with its own pages for signing in and out, all in memory.
APP=oidc-provider; . "$(dirname "$0")/../lib.sh"
already_up
need_apt curl ca-certificates
need_node
need_npm
spawn "$PIDFILE" "$RUN_DIR/app.log" node app.js "$PORT"
wait_http /.well-known/openid-configuration
report
