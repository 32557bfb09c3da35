# shellcheck shell=sh disable=SC2154
sudo_lines || return 0
_lines=$value
tell configured nopasswd "$(printf '%s\n' "$_lines" | awk '{ line = substr($0, index($0, "\t") + 1) }
    line !~ /^Defaults/ && line ~ /NOPASSWD[ \t]*:/ { split(line, word, /[ \t]+/); sub(/\t.*/, ""); print $0, word[1] }')"
tell configured authenticate "$(printf '%s\n' "$_lines" | awk '/\tDefaults.*!authenticate/ { sub(/\t.*/, ""); print $0, "no" }')"
