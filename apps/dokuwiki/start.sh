#!/usr/bin/env bash
# Debian's dokuwiki (2022-07-31 "Igor") under php -S, PHP's own file sessions, plain-file users.
# The package tree is served as it is; configuration, pages and sessions live in RUN_DIR (DOKU_CONF, savedir).
APP=dokuwiki; . "$(dirname "$0")/../lib.sh"
already_up
need_apt python3 php8.2-cli php8.2-cgi php-mbstring php-xml dokuwiki curl
if [ ! -e "$RUN_DIR/seeded" ]; then
  C="$RUN_DIR/conf"; D="$RUN_DIR/data"; mkdir -p "$C" "$RUN_DIR/sessions" "$D"/{attic,cache,index,locks,log,media,media_attic,media_meta,meta,pages,tmp}
  cat > "$C/local.php" <<S
<?php
\$conf['title'] = 'LegacyDoku'; \$conf['savedir'] = '$D'; \$conf['useacl'] = 1; \$conf['superuser'] = '@admin';
\$conf['authtype'] = 'authplain'; \$conf['disableactions'] = 'register'; \$conf['updatecheck'] = 0; \$conf['send404'] = 0;
\$conf['auth_security_timeout'] = ${AUTH_RECHECK:-900};
S
  : > "$C/users.auth.php"
  for u in alice bob; do
    h="$(php -r 'echo password_hash($argv[1], PASSWORD_BCRYPT, ["cost" => 6]);' "$u-pass-1")"
    printf '%s:%s:%s Rig:%s@example.test:%s\n' "$u" "$h" "$u" "$u" "$([ $u = alice ] && echo admin,user || echo user)" >> "$C/users.auth.php"
  done
  printf '*\t@ALL\t1\n*\t@user\t8\n' > "$C/acl.auth.php"
  touch "$RUN_DIR/seeded"
fi
printf "<?php if (!defined('DOKU_CONF')) define('DOKU_CONF', '%s/conf/');\n" "$RUN_DIR" > "$RUN_DIR/prepend.php"
export PHP_CLI_SERVER_WORKERS=3
spawn "$PIDFILE" "$RUN_DIR/app.log" php -d auto_prepend_file="$RUN_DIR/prepend.php" -d session.save_path="$RUN_DIR/sessions" \
  -d display_errors=0 -d error_reporting=0 -S "127.0.0.1:$PORT" -t /usr/share/dokuwiki
wait_http /doku.php 60
report
