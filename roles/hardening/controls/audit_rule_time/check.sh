# shellcheck shell=sh
audit_needs call:adjtimex \
    call:settimeofday \
    call:clock_settime \
    watch:/etc/localtime
