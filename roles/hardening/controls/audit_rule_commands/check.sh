# shellcheck shell=sh
audit_needs exec:/usr/bin/chcon \
    exec:/usr/bin/setfacl \
    exec:/usr/bin/chacl \
    exec:/usr/sbin/usermod
