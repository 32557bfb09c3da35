# shellcheck shell=sh disable=SC2154
enabled_tell nftables.service
nft_policies
units_running ufw.service firewalld.service iptables.service netfilter-persistent.service
ssh_ports
for _one in $_own; do see effective ssh_port "$_one"; done
_read_ports
_tcp=0 _udp=0
for _one in $_ports; do
    case $NL$_own$NL/${_one#*/} in
    *"$NL${_one%/*}$NL"*/tcp) ;;
    */tcp) see effective served_tcp "${_one%/*}" && _tcp=1 ;;
    *) [ "${_one%/*}" -lt 32768 ] && see effective served_udp "${_one%/*}" && _udp=1 ;;
    esac
done
[ "$_tcp" = 1 ] || none effective served_tcp
[ "$_udp" = 1 ] || none effective served_udp
