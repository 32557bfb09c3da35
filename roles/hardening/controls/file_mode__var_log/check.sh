# shellcheck shell=sh
can_find || return 0
set -- -name 'wtmp*' -o -name 'btmp*' -o -name 'lastlog*' -o -name 'faillog*'
find /var/log -xdev -type f -perm /0137 ! '(' "$@" ')' -printf '%m %p\0' | found_lines | tell_files open
find /var/log -xdev -type f '(' "$@" ')' -printf '%m %p\0' | found_lines | tell_files login_records
