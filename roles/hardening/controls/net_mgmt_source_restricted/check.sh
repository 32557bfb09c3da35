# shellcheck shell=sh disable=SC2154
nft_rules
[ $? != 2 ] || return 0
ssh_ports
printf '%s\n' "$_nft" | awk -v key="$_key" -v own="$(printf %s "$_own" | tr '\n' ' ')" '
    function tell(source) {
        if (seen[source]++) return
        printf "see\t%s\teffective\tssh_sources\t\t%.200s\n", key, source
    }
    function each(list,   n, i, part) {
        gsub(/[{},]/, " ", list)
        n = split(list, part, " ")
        for (i = 1; i <= n; i++) tell(part[i])
    }
    BEGIN { n = split(own, port, " "); for (i = 1; i <= n; i++) ours[port[i]] = 1; ours["ssh"] = ours["@ssh_ports"] = 1 }
    $1 == "set" { name = $2; inside = 0 }
    /elements = / { inside = 1; sub(/.*elements = /, "") }
    inside { held[name] = held[name] " " $0; if (/}/) inside = 0; next }
    /hook input/ && /policy drop/ { closed = 1 }
    /dport/ && /accept/ {
        wanted = $0; sub(/.*dport /, "", wanted); sub(/ (accept|counter|ct|limit|log).*/, "", wanted)
        gsub(/[{},]/, " ", wanted); n = split(wanted, part, " "); mine = 0
        for (i = 1; i <= n; i++) if (part[i] in ours) mine = 1
        if (!mine) next
        if (!/saddr/) { open = 1; next }
        source = $0; sub(/.*saddr /, "", source); sub(/ (tcp|ct|meta) .*/, "", source)
        if (source ~ /^@/) each(held[substr(source, 2)]); else each(source)
    }
    END {
        if (open || !closed) tell("any")
        for (source in seen) any = 1
        if (!any) printf "none\t%s\teffective\tssh_sources\n", key
    }' >&3
