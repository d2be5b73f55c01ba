#!/usr/bin/env bash
# The site of php-session under PHP-FPM, to be asked over FastCGI on PORT; its session cookie is app_session.
APP=php-fpm; . "$(dirname "$0")/../lib.sh"
already_up
need_apt php8.2-fpm
mkdir -p "$RUN_DIR/sessions"
cat > "$RUN_DIR/fpm.conf" <<S
[global]
error_log = $RUN_DIR/fpm.log
[site]
listen = 127.0.0.1:$PORT
pm = static
pm.max_children = 2
php_admin_value[session.name] = app_session
php_admin_value[session.save_path] = $RUN_DIR/sessions
php_admin_value[session.use_strict_mode] = 1
php_admin_value[display_errors] = 0
S
as=()
if [ "$(id -u)" = 0 ]; then printf 'user = root\ngroup = root\n' >> "$RUN_DIR/fpm.conf"; as=(--allow-to-run-as-root); fi
spawn "$PIDFILE" "$RUN_DIR/app.log" /usr/sbin/php-fpm8.2 -n "${as[@]}" --nodaemonize --fpm-config "$RUN_DIR/fpm.conf"
for _ in $(seq 1 100); do
  if (: </dev/tcp/127.0.0.1/"$PORT") 2>/dev/null; then report; exit 0; fi
  alive "$PIDFILE" || break
  sleep 0.1
done
cat "$RUN_DIR/app.log" >&2; exit 1
