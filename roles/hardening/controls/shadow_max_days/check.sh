# shellcheck shell=sh disable=SC2016
tell_accounts effective max_days '$5 == "set" { v = $6; print $1, (v == "" || v < 0) ? "never" : v }'
