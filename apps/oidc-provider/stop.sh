#!/usr/bin/env bash
APP=oidc-provider; . "$(dirname "$0")/../lib.sh"
stop_all
