# shellcheck shell=sh
packages_present rsh-client rsh-redone-client rsh rsh-server rsh-redone-server
ports_open 512/tcp 513/tcp 514/tcp
