#!/usr/bin/env bash
# Installs what one of the parsers needs, or says with exit code 77 what is missing. usage: install.sh 0 PARSER
APP=cookies; . "$(dirname "$0")/../lib.sh"
case "$2" in
  php) need_apt php-cgi ;;
  http.cookies) need_apt python3 ;;
  flask) need_apt python3 python3-flask ;;
  django) need_apt python3 python3-django ;;
  rack) need_apt ruby ruby-rack ;;
  cookie-*) need_node; need_npm ;;
  tomcat9-*) need_apt default-jdk-headless libtomcat9-java ;;
  tomcat10-*) need_apt default-jdk-headless libtomcat10-java ;;
  *) echo "no parser is called $2" >&2; exit 1 ;;
esac
