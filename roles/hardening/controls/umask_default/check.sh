# shellcheck shell=sh disable=SC2154
if conf_value /etc/login.defs UMASK ' '; then see configured login_defs "$value"; else none configured login_defs; fi
tell configured profile "$(cat /etc/profile /etc/profile.d/*.sh 2>/dev/null | sed -n 's/^[ \t]*umask[ \t][ \t]*/ /p' | sort -u)"
tell configured bashrc "$(cat /etc/bash.bashrc /etc/bashrc 2>/dev/null | sed -n 's/^[ \t]*umask[ \t][ \t]*/ /p' | sort -u)"
