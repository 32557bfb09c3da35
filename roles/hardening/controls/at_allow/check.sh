# shellcheck shell=sh
allow_list /etc/at.allow /etc/at.deny
file_modes /etc/at.allow
