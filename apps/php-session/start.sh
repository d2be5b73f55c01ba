#!/usr/bin/env bash
# A small site of ours as PHP sites used to be written, under php -S; PHP's own file sessions, the same id for ever.
APP=php-session; . "$(dirname "$0")/../lib.sh"
already_up
need_apt php8.2-cli curl
mkdir -p "$RUN_DIR/sessions"
export PHP_CLI_SERVER_WORKERS=3
spawn "$PIDFILE" "$RUN_DIR/app.log" php -d session.save_path="$RUN_DIR/sessions" -d session.use_strict_mode=1 -d display_errors=0 \
  -S "127.0.0.1:$PORT" -t "$HERE/site"
wait_http /
report
