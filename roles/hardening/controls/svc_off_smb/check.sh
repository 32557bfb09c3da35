# shellcheck shell=sh
packages_present samba
units_running smbd.service nmbd.service smb.service nmb.service
ports_open 139/tcp 445/tcp
