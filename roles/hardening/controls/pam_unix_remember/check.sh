# shellcheck shell=sh disable=SC2154
pam_files password
_there=0
for _file in $value; do
    pam_args "$_file" password pam_unix.so || continue
    case " $value" in *' remember='*) see effective remember yes "$_file" && _there=1 ;; esac
done
[ "$_there" = 1 ] || none effective remember
