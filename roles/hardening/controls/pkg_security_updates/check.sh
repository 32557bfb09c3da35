# shellcheck shell=sh disable=SC2154
pending=$(case $FAMILY in
debian)
    set -- /var/lib/apt/lists/*Packages*
    [ -e "$1" ] || { echo no-lists; exit; }
    limited apt-get -s -o Debug::NoLocking=true -o Dir::Log::Planner=/dev/null dist-upgrade |
        awk '$1 == "Inst" && /[Ss]ecurity/ { print $2 }'
    ;;
rhel) timeout 60 dnf -q -C updateinfo list --security 2>/dev/null | awk 'NF == 3 { print $3 }' ;;
esac) || { cannot no_tool:apt && return 0; }
[ "$pending" = no-lists ] && { cannot no_file:/var/lib/apt/lists && return 0; }
[ -n "$pending" ] || none effective pending
set -f
for _name in $pending; do see effective pending "$_name"; done
set +f
