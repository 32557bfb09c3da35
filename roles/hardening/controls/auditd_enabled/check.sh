# shellcheck shell=sh
packages_named auditd audispd-plugins audit
unit_on auditd.service
