# shellcheck shell=sh
packages_present xserver-xorg xserver-xorg-core xserver-common xorg-x11-server-common xorg-x11-server-Xorg
