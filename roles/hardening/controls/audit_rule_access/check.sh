# shellcheck shell=sh
audit_needs call:creat:-EACCES \
    call:open:-EACCES \
    call:openat:-EACCES \
    call:truncate:-EACCES \
    call:ftruncate:-EACCES \
    call:creat:-EPERM \
    call:open:-EPERM \
    call:openat:-EPERM \
    call:truncate:-EPERM \
    call:ftruncate:-EPERM
