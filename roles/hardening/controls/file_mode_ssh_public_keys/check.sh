# shellcheck shell=sh
file_modes /etc/ssh/ssh_host_*_key.pub
