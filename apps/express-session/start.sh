#!/usr/bin/env bash
# A small application of ours on express and express-session from npm, sessions in memory.
APP=express-session; . "$(dirname "$0")/../lib.sh"
already_up
need_apt curl ca-certificates
need_node
need_npm
spawn "$PIDFILE" "$RUN_DIR/app.log" node app.js "$PORT"
wait_http /
report
