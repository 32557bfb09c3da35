# shellcheck shell=sh
file_modes /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf
