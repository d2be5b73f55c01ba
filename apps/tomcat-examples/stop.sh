#!/usr/bin/env bash
APP=tomcat-examples; . "$(dirname "$0")/../lib.sh"
stop_all
