# shellcheck shell=sh disable=SC2154
if conf_value /etc/login.defs UMASK ' '; then see configured login_defs "$value"; else none configured login_defs; fi
tell configured profile "$(contents /etc/profile /etc/profile.d/*.sh | sed -n 's/^[ \t]*umask[ \t][ \t]*/ /p' | sort -u)"
tell configured bashrc "$(contents /etc/bash.bashrc /etc/bashrc | sed -n 's/^[ \t]*umask[ \t][ \t]*/ /p' | sort -u)"
