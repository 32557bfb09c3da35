# shellcheck shell=sh disable=SC2154
_now=$(uname -r)
_found=''
for _file in /boot/vmlinuz-*"${_now##*[-.]}"; do
    case $_file in *'*'* | *rescue*) ;; *) _found=$_found${_file#/boot/vmlinuz-}$NL ;; esac
done
[ -n "$_found" ] || { not_applicable no_file:/boot/vmlinuz && return 0; }
_newest=$(printf '%s%s\n' "$_found" "$_now" | sort -V | tail -n 1)
if [ "$_newest" = "$_now" ]; then none effective newer; else see effective newer "$_newest" "$_now"; fi
