# shellcheck shell=sh
audit_needs call:chmod \
    call:fchmod \
    call:fchmodat \
    call:chown \
    call:fchown \
    call:fchownat \
    call:lchown \
    call:setxattr \
    call:lsetxattr \
    call:fsetxattr \
    call:removexattr \
    call:lremovexattr \
    call:fremovexattr
