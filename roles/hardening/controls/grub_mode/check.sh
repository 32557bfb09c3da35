# shellcheck shell=sh
[ -e /boot/grub/grub.cfg ] || [ -e /boot/grub2/grub.cfg ] || { not_applicable no_file:/boot/grub/grub.cfg && return 0; }
file_modes /boot/grub/grub.cfg /boot/grub2/grub.cfg
