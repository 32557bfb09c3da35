# shellcheck shell=sh disable=SC2154
value=$(contents /boot/grub/grub.cfg /boot/grub2/grub.cfg /boot/grub2/user.cfg /boot/efi/EFI/*/grub.cfg)
[ -n "$value" ] || { not_applicable no_file:/boot/grub/grub.cfg && return 0; }
case $value in
*superusers*password_pbkdf2* | *GRUB2_PASSWORD=*) see effective password yes ;;
*) see effective password no ;;
esac
