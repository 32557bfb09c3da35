# shellcheck shell=sh
packages_named aide
set -- /var/lib/aide/aide.db /var/lib/aide/aide.db.gz
if [ -s "$1" ] || [ -s "$2" ]; then see effective database yes; else see effective database no; fi
