# shellcheck shell=sh
allow_list /etc/cron.allow /etc/cron.deny
file_modes /etc/cron.allow
