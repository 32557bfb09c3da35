# shellcheck shell=sh disable=SC2154
packages_named apparmor apparmor-utils
grub_text
set -f
for _one in $value; do see configured boot "$_one"; done
set +f
[ -n "$value" ] || none configured boot
live_word enabled /sys/module/apparmor/parameters/enabled
