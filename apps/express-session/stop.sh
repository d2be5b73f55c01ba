#!/usr/bin/env bash
APP=express-session; . "$(dirname "$0")/../lib.sh"
stop_all
