#!/usr/bin/env bash
# Debian's mediawiki (1.39) under php -S, sqlite. The package tree is served as it is; settings, database and cache lie in RUN_DIR.
APP=mediawiki; . "$(dirname "$0")/../lib.sh"
already_up
need_apt php8.2-cli php8.2-cgi php-mbstring php-xml php-intl php-sqlite3 mini-httpd mediawiki curl
TREE=/usr/share/mediawiki; export MW_CONFIG_FILE="$RUN_DIR/LocalSettings.php"
run() { php "$TREE/maintenance/$1.php" "${@:2}" >>"$RUN_DIR/seed.log" 2>&1 || { tail -n 20 "$RUN_DIR/seed.log" >&2; return 1; }; }
if [ ! -e "$RUN_DIR/seeded" ]; then
  rm -rf "$RUN_DIR"/{data,cache,LocalSettings.php}; mkdir -p "$RUN_DIR/cache"
  env -u MW_CONFIG_FILE php "$TREE/maintenance/install.php" --confpath "$RUN_DIR" --dbtype sqlite --dbpath "$RUN_DIR/data" --dbname wiki \
    --server http://127.0.0.1 --scriptpath "" --skins Vector --pass alice-pass-1 LegacyWiki Alice >"$RUN_DIR/seed.log" 2>&1 \
    || { tail -n 20 "$RUN_DIR/seed.log" >&2; exit 1; }
  cat >> "$MW_CONFIG_FILE" <<S
# The site is wherever it was asked for: here, or behind a gateway.
\$wgServer = isset( \$_SERVER['HTTP_HOST'] ) ? 'http://' . \$_SERVER['HTTP_HOST'] : 'http://127.0.0.1';
\$wgCacheDirectory = '$RUN_DIR/cache'; \$wgPasswordAttemptThrottle = []; \$wgJobRunRate = 0;
S
  run createAndPromote Bob bob-pass-1
  touch "$RUN_DIR/seeded"
fi
export PHP_CLI_SERVER_WORKERS=3
spawn "$PIDFILE" "$RUN_DIR/app.log" php -d display_errors=0 -d error_reporting=0 -S "127.0.0.1:$PORT" -t "$TREE"
wait_http /index.php 60
report
