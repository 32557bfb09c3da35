# shellcheck shell=sh
can_find || return 0
home_files '(' -name .rhosts -o -name .shosts -o -name .netrc -o -name .forward ')' |
    tell_files trust
