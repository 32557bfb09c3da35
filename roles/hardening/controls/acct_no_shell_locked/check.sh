# shellcheck shell=sh disable=SC2154
if [ ! -f /etc/shells ] || [ ! -r /etc/shells ]; then
    cannot unreadable:/etc/shells
    return 0
fi
accounts || return 0
tell effective unlocked "$(printf '%s\n' "$value" | awk -F: '
    BEGIN { while ((getline line <"/etc/shells") > 0) if (line !~ /^#/ && line !~ /nologin/) shell[line] = 1 }
    $5 == "set" && $1 != "root" && !($4 in shell) { print $1, $4 }')"
