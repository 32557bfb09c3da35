# shellcheck shell=sh disable=SC2154
if ini_value /etc/dnf/dnf.conf main gpgcheck || ini_value /etc/yum.conf main gpgcheck; then
    see configured gpgcheck "$value"
else
    none configured gpgcheck
fi
