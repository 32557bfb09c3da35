# shellcheck shell=sh
sudo_default use_pty 'Always run commands in a pseudo-tty'
