# shellcheck shell=sh
sudo_default timestamp_timeout 'Authentication timestamp timeout: '
