#!/usr/bin/env bash
APP=php-session; . "$(dirname "$0")/../lib.sh"
stop_all
