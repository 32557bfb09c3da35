# shellcheck shell=sh disable=SC2154
value=$(contents /etc/aide/aide.conf /etc/aide/aide.conf.d/* /etc/aide.conf)
_there=0
for _file in auditctl auditd ausearch aureport autrace augenrules; do
    case $NL$value in
    *"$NL/usr/sbin/$_file "*sha512* | *"$NL/sbin/$_file "*sha512*) ;;
    *) see configured missing "/usr/sbin/$_file" && _there=1 ;;
    esac
done
[ "$_there" = 1 ] || none configured missing
