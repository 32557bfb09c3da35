# shellcheck shell=sh
conf_tell /etc/selinux/config SELINUX selinux
conf_tell /etc/selinux/config SELINUXTYPE policy
live_word enforce /sys/fs/selinux/enforce
