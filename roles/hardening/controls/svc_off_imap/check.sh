# shellcheck shell=sh
packages_present dovecot-core dovecot-imapd dovecot-pop3d cyrus-imapd dovecot
units_running dovecot.service cyrus-imapd.service
ports_open 110/tcp 143/tcp
