# shellcheck shell=sh
packages_present tftpd-hpa tftpd atftpd tftp-server
units_running tftpd-hpa.service atftpd.service tftp.service tftp.socket
ports_open 69/udp
