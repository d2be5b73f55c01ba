#!/usr/bin/env bash
APP=mediawiki; . "$(dirname "$0")/../lib.sh"
stop_all
