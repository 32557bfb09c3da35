# shellcheck shell=sh disable=SC2154
case $FAMILY in
rhel) audit_needs watch:/etc/selinux watch:/usr/share/selinux ;;
*) audit_needs watch:/etc/apparmor watch:/etc/apparmor.d ;;
esac
