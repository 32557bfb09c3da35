# shellcheck shell=sh
audit_needs call:init_module \
    call:finit_module \
    call:delete_module \
    call:create_module \
    call:query_module \
    exec:/usr/bin/kmod \
    exec:/sbin/insmod \
    exec:/sbin/modprobe \
    exec:/sbin/rmmod
