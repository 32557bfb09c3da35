# shellcheck shell=sh
file_modes /etc/security/opasswd /etc/security/opasswd.old
