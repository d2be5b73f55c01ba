# Shared by the start.sh / stop.sh of every rig.  Source it with APP set.
#   usage of every start.sh:  start.sh PORT      (env: RUN_DIR overrides the scratch directory)
#   usage of every stop.sh:   stop.sh  PORT      (ends only the PIDs the rig wrote; PURGE=1 removes RUN_DIR)
set -euo pipefail
PORT="${1:-${PORT:?usage: $0 PORT}}"
HERE="$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)"
RUN_DIR="${RUN_DIR:-$(dirname "$(mktemp -u)")/legacy-rigs/$APP-$PORT}"   # scratch only, never in the checkout
PIDFILE="$RUN_DIR/$APP.pid"
mkdir -p "$RUN_DIR"

alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

need_apt() { # need_apt PKG...  installs only what is missing, never starts services; INSTALL=0: says what is missing, exit 77
  local miss=() p
  for p in "$@"; do dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || miss+=("$p"); done
  [ ${#miss[@]} -eq 0 ] && return 0
  [ "${INSTALL:-1}" != 0 ] || { echo "$APP needs: apt-get install ${miss[*]}" >&2; exit 77; }
  local get=(as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get)
  ( flock 9   # rigs that start at once take turns
    [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' 2>/dev/null | head -1)" ] || "${get[@]}" update -qq
    "${get[@]}" install -y -qq --no-install-recommends "${miss[@]}" || { "${get[@]}" update -qq; "${get[@]}" install -y -qq --no-install-recommends "${miss[@]}"; }
  ) 9</var/lib/apt/lists >&2
}

need_node() { # node and npm from Debian, or from wherever they are already
  if ! { command -v node && command -v npm; } >/dev/null; then need_apt nodejs npm; fi
}

need_npm() { # makes RUN_DIR a copy of the rig with its npm packages; INSTALL=0: only from npm's cache, exit 77 where they are not there
  cp "$HERE"/*.js* "$RUN_DIR"; cd "$RUN_DIR"
  if [ -z "${PACKAGES_DIR:-}" ]; then npm_packages; return; fi
  # Rigs that run at once share their packages.
  local shared="$PACKAGES_DIR/$APP"
  mkdir -p "$shared"
  ( flock 9
    [ ! -e "$shared/installed" ] || exit 0
    cp "$HERE"/package*.json "$shared"; cd "$shared"; npm_packages; touch installed
  ) 9>"$shared/lock" || exit $?
  ln -sfn "$shared/node_modules" node_modules
}

npm_packages() { # installs what package-lock.json of the working directory says
  local how=--prefer-offline; [ "${INSTALL:-1}" != 0 ] || how=--offline
  npm ci "$how" --ignore-scripts --no-audit --no-fund >npm.log 2>&1 && return
  [ "$how" != --offline ] || { echo "$APP needs the npm packages of its package-lock.json: start it once without INSTALL=0" >&2; exit 77; }
  tail -n 20 npm.log >&2; exit 1
}

spawn() { # spawn PIDFILE LOG CMD...   own session, so stop can end the whole group
  local pf="$1" log="$2"; shift 2
  setsid nohup "$@" >>"$log" 2>&1 </dev/null &
  echo $! >"$pf"
}

wait_http() { # wait_http PATH [SECONDS]
  local i
  for i in $(seq 1 $(( ${2:-60} * 10 ))); do
    curl -s -o /dev/null --max-time 5 "http://127.0.0.1:$PORT$1" && return 0
    alive "$PIDFILE" || { echo "$APP died:" >&2; tail -n 20 "$RUN_DIR/app.log" >&2; return 1; }
    sleep 0.1
  done
  echo "$APP: no answer" >&2; return 1
}

report() { echo "APP=$APP BASE_URL=http://127.0.0.1:$PORT PIDFILE=$PIDFILE PID=$(cat "$PIDFILE") RUN_DIR=$RUN_DIR"; }

already_up() { if alive "$PIDFILE"; then report; exit 0; fi; }

ended() { # a process that has ended may be there until somebody asks how
  ! kill -0 "$1" 2>/dev/null || case "$(ps -o stat= -p "$1" 2>/dev/null)" in Z*) ;; *) return 1 ;; esac
}

stop_pidfile() {
  local pf="$1" pid i
  alive "$pf" || { rm -f "$pf"; return 0; }
  pid="$(cat "$pf")"
  kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null || true
  for i in $(seq 1 100); do ended "$pid" && break; sleep 0.05; done
  ended "$pid" || { kill -9 -- "-$pid" 2>/dev/null || kill -9 "$pid" 2>/dev/null || true; }
  rm -f "$pf"
}
stop_all() { local f; for f in "$RUN_DIR"/*.pid; do [ -e "$f" ] && stop_pidfile "$f"; done
  if [ "${PURGE:-0}" = 1 ]; then rm -rf -- "$RUN_DIR"; fi; return 0; }
