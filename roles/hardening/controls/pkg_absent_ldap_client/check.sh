# shellcheck shell=sh
packages_present ldap-utils openldap-clients
