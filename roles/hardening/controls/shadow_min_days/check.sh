# shellcheck shell=sh disable=SC2016
tell_accounts effective min_days '$5 == "set" { v = $7; print $1, (v == "" || v < 0) ? "never" : v }'
