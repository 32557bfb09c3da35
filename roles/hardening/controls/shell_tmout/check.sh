# shellcheck shell=sh disable=SC2154
value=$(contents /etc/profile /etc/profile.d/*.sh /etc/bash.bashrc /etc/bashrc | awk '
    /^[ \t]*#/ { next }
    match($0, /(^|[ \t;])TMOUT=[0-9]+/) { said = substr($0, RSTART, RLENGTH); sub(/.*=/, "", said); print "tmout", said }
    /(readonly|declare[ \t]+-[a-z]*r[a-z]*|typeset[ \t]+-[a-z]*r[a-z]*)[ \t]+TMOUT/ { print "readonly yes" }' | sort -u)
tell configured tmout "$(printf '%s\n' "$value" | sed -n 's/^tmout / /p')"
case $value in *readonly*) see configured readonly yes ;; *) none configured readonly ;; esac
