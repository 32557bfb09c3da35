# shellcheck shell=sh disable=SC2154
if conf_value /etc/login.defs ENCRYPT_METHOD ' '; then
    see configured encrypt_method "$value"
else
    none configured encrypt_method
fi
