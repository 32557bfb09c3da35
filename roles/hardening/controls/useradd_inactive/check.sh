# shellcheck shell=sh disable=SC2154,SC2016
if conf_value /etc/default/useradd INACTIVE =; then
    see configured inactive "$value"
else
    none configured inactive
fi
tell_accounts effective inactive '$5 == "set" { v = $9; print $1, (v == "" || v < 0) ? "never" : v }'
