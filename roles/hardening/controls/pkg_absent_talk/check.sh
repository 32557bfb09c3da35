# shellcheck shell=sh
packages_present talk talkd inetutils-talk inetutils-talkd talk-server
