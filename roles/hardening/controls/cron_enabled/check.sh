# shellcheck shell=sh disable=SC2154
case $FAMILY in rhel) set -- cronie crond.service ;; *) set -- cron cron.service ;; esac
packages_named "$1"
unit_on "$2"
