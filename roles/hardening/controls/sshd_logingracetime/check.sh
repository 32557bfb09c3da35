# shellcheck shell=sh
sshd_option logingracetime
