# shellcheck shell=sh
audit_needs call:rename \
    call:renameat \
    call:unlink \
    call:unlinkat
