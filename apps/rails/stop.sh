#!/usr/bin/env bash
APP=rails; . "$(dirname "$0")/../lib.sh"
stop_all
