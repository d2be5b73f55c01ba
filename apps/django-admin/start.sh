#!/usr/bin/env bash
# Stock Django project (django-admin startproject) from Debian's python3-django; sqlite; nothing edited
# but ALLOWED_HOSTS and, for rigs behind a gateway, nothing else.
APP=django-admin; . "$(dirname "$0")/../lib.sh"
already_up
need_apt python3 python3-django curl
PY="${DJANGO_PYTHON:-/usr/bin/python3}"
cd "$RUN_DIR"
if [ ! -e seeded ]; then
  rm -rf legacysite && "$PY" -m django startproject legacysite
  cd legacysite
  cat >> legacysite/settings.py <<S
ALLOWED_HOSTS = ['*']
# SESSION_COOKIE_AGE may be shortened from outside to watch expiry
import os
SESSION_COOKIE_AGE = int(os.environ.get('SESSION_AGE', 1209600))
S
  "$PY" manage.py migrate -v0
  for u in alice bob; do
    DJANGO_SUPERUSER_PASSWORD="$u-pass-1" "$PY" manage.py createsuperuser --noinput --username "$u" --email "$u@example.test"
  done
  for u in ${DJANGO_ADDRESSES:-}; do # users whose names are their addresses, with the password of the others
    DJANGO_SUPERUSER_PASSWORD="${u%@*}-pass-1" "$PY" manage.py createsuperuser --noinput --username "$u" --email "$u"
  done
  touch ../seeded; cd ..
fi
cd legacysite
spawn "$PIDFILE" "$RUN_DIR/app.log" "$PY" manage.py runserver --noreload --insecure "127.0.0.1:$PORT"
wait_http /admin/login/
report
