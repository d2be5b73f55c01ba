#!/usr/bin/env bash
# A small application of ours on Debian's Rails, all of the session in an encrypted cookie that changes with every answer.
APP=rails; . "$(dirname "$0")/../lib.sh"
already_up
need_apt ruby ruby-railties puma curl
spawn "$PIDFILE" "$RUN_DIR/app.log" env -C "$RUN_DIR" -u RUBYOPT RAILS_ENV=production "${RAILS_RUBY:-/usr/bin/ruby}" "$HERE/app.rb" "$PORT"
wait_http /
report
