# shellcheck shell=sh
sudo_default use_pty
