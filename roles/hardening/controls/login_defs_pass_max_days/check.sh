# shellcheck shell=sh disable=SC2154
if conf_value /etc/login.defs PASS_MAX_DAYS ' '; then
    see configured pass_max_days "$value"
else
    none configured pass_max_days
fi
