# shellcheck shell=sh
packages_named rsyslog
unit_on rsyslog.service
systemd_tell journald Journal ForwardToSyslog forward
tell configured create_mode "$(contents /etc/rsyslog.conf /etc/rsyslog.d/*.conf | awk '
    tolower($1) == "$filecreatemode" { print " " $2 }
    /^[^#]*[fF]ile[cC]reate[mM]ode="/ {
        sub(/.*[fF]ile[cC]reate[mM]ode="/, ""); sub(/".*/, ""); print " " $0
    }')"
