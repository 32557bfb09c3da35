# shellcheck shell=sh
audit_needs watch:/var/run/utmp \
    watch:/var/log/wtmp \
    watch:/var/log/btmp \
    watch:/var/log/lastlog \
    watch:/var/run/faillock
