# shellcheck shell=sh
packages_present nis ypbind-mt ypserv ypbind yp-tools
units_running ypbind.service ypserv.service yppasswdd.service
