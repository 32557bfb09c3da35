# shellcheck shell=sh
packages_present xinetd inetutils-inetd openbsd-inetd rlinetd
units_running xinetd.service inetd.service openbsd-inetd.service
