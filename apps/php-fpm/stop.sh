#!/usr/bin/env bash
APP=php-fpm; . "$(dirname "$0")/../lib.sh"
stop_all
