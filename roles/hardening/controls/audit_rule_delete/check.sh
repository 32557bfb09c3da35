# shellcheck shell=sh
audit_needs call:rename \
    call:renameat \
    call:renameat2 \
    call:unlink \
    call:unlinkat \
    call:rmdir
