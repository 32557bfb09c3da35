# shellcheck shell=sh
[ -e /usr/lib/systemd/systemd-coredump ] || [ -e /lib/systemd/systemd-coredump ] || { not_applicable package:systemd-coredump && return 0; }
systemd_tell coredump Coredump Storage storage
systemd_tell coredump Coredump ProcessSizeMax size
