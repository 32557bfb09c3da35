# shellcheck shell=sh disable=SC2154
if [ ! -e /etc/pam.d/su ]; then
    see effective restricted yes
elif pam_args /etc/pam.d/su auth pam_wheel.so; then
    case " $value " in
    *' deny '* | *' trust '*) see effective restricted no ;;
    *' use_uid '*) see effective restricted yes ;;
    *) see effective restricted no ;;
    esac
else
    see effective restricted no
fi
