# shellcheck shell=sh
packages_named systemd-timesyncd
unit_on systemd-timesyncd.service
systemd_tell timesyncd Time NTP server
see effective synchronised "$(limited timedatectl show -p NTPSynchronized --value 2>/dev/null)"
units_running chrony.service ntp.service ntpsec.service
