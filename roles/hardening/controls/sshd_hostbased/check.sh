# shellcheck shell=sh
sshd_option hostbasedauthentication
sshd_option ignorerhosts
