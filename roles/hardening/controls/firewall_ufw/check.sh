# shellcheck shell=sh
enabled_tell ufw.service
conf_tell /etc/ufw/ufw.conf ENABLED ufw
conf_tell /etc/default/ufw DEFAULT_INPUT_POLICY input
nft_policies
units_running nftables.service firewalld.service netfilter-persistent.service
