# shellcheck shell=sh
packages_present ftp tnftp inetutils-ftp
