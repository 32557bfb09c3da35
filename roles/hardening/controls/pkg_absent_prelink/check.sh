# shellcheck shell=sh
packages_present prelink
