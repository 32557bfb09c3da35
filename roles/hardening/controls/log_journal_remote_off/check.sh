# shellcheck shell=sh
enabled_tell systemd-journal-remote.socket
units_running systemd-journal-remote.socket systemd-journal-remote.service
