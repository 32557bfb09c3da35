# shellcheck shell=sh
audit_needs call:sethostname \
    call:setdomainname \
    watch:/etc/issue \
    watch:/etc/issue.net \
    watch:/etc/hosts \
    watch:/etc/networks
