# shellcheck shell=sh
audit_needs watch:/etc/sudoers \
    watch:/etc/sudoers.d \
    watch:/var/log/sudo.log
