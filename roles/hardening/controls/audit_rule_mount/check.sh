# shellcheck shell=sh
audit_needs call:mount
