# shellcheck shell=sh disable=SC2154
if conf_value /etc/login.defs PASS_WARN_AGE ' '; then
    see configured pass_warn_age "$value"
else
    none configured pass_warn_age
fi
