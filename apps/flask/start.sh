#!/usr/bin/env bash
# A small application of ours on Debian's python3-flask, all of the session in a signed cookie that changes with every answer.
APP=flask; . "$(dirname "$0")/../lib.sh"
already_up
need_apt python3 python3-flask curl
spawn "$PIDFILE" "$RUN_DIR/app.log" env PYTHONDONTWRITEBYTECODE=1 "${FLASK_PYTHON:-/usr/bin/python3}" "$HERE/app.py" "$PORT"
wait_http /
report
