# shellcheck shell=sh disable=SC2154
field_of_os ID || { cannot unreadable:/etc/os-release && return 0; }
_id=$value
field_of_os VERSION_ID || value=''
# The last day of security updates that need no contract beyond the usual one (vendors' tables).
case $_id:$value in
debian:[1-9] | ubuntu:1[0-7].* | centos:[1-7]* | rhel:[1-6]*) _end=20200101 ;;
debian:10) _end=20240630 ;;
debian:11) _end=20260831 ;;
debian:12) _end=20280630 ;;
debian:13) _end=20300630 ;;
ubuntu:18.04) _end=20230531 ;;
ubuntu:20.04) _end=20250531 ;;
ubuntu:22.04) _end=20270531 ;;
ubuntu:24.04) _end=20290531 ;;
centos:8*) _end=20211231 ;;
centos:9*) _end=20270531 ;;
rhel:7*) _end=20240630 ;;
rhel:8* | rocky:8* | almalinux:8*) _end=20290531 ;;
rhel:9* | rocky:9* | almalinux:9*) _end=20320531 ;;
rhel:10* | rocky:10* | almalinux:10*) _end=20350531 ;;
*) cannot "no_end:$_id $value" && return 0 ;;
esac
if [ "$(date +%Y%m%d)" -le "$_end" ]; then
    see effective supported yes "$_id $value, $_end"
else
    see effective supported no "$_id $value, $_end"
fi
