# shellcheck shell=sh
audit_needs watch:/etc/group \
    watch:/etc/passwd \
    watch:/etc/gshadow \
    watch:/etc/shadow \
    watch:/etc/security/opasswd \
    watch:/etc/nsswitch.conf \
    watch:/etc/pam.conf \
    watch:/etc/pam.d
