# shellcheck shell=sh
packages_present telnet inetutils-telnet telnetd telnetd-ssl inetutils-telnetd telnet-server
