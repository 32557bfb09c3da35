# shellcheck shell=sh disable=SC2154
if conf_value /etc/login.defs PASS_MIN_DAYS ' '; then
    see configured pass_min_days "$value"
else
    none configured pass_min_days
fi
