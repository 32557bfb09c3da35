# shellcheck shell=sh
audit_needs call:execve:euid!=uid
