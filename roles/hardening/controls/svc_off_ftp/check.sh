# shellcheck shell=sh
packages_present vsftpd proftpd-core proftpd-basic proftpd pure-ftpd inetutils-ftpd ftpd
units_running vsftpd.service proftpd.service pure-ftpd.service
ports_open 21/tcp
