# shellcheck shell=sh disable=SC2016
tell_accounts effective empty '$5 == "empty" { print $1, $4 }'
