# shellcheck shell=sh
systemd_tell journald Journal Storage storage
systemd_tell journald Journal Compress compress
set -- /var/log/journal/*/*.journal
if [ -e "$1" ]; then see effective persistent yes; else see effective persistent no; fi
