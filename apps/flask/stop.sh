#!/usr/bin/env bash
APP=flask; . "$(dirname "$0")/../lib.sh"
stop_all
