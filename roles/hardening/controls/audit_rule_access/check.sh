# shellcheck shell=sh
audit_needs call:creat:-EACCES \
    call:open:-EACCES \
    call:openat:-EACCES \
    call:open_by_handle_at:-EACCES \
    call:truncate:-EACCES \
    call:ftruncate:-EACCES \
    call:creat:-EPERM \
    call:open:-EPERM \
    call:openat:-EPERM \
    call:open_by_handle_at:-EPERM \
    call:truncate:-EPERM \
    call:ftruncate:-EPERM
