# shellcheck shell=sh disable=SC2034,SC2154
# Helpers of checks about services: packages, units, ports, the firewall, auditing. Below prelude.sh.

# --- services and ports -------------------------------------------------------------------------

# packages_named NAME...: which of them are installed, as effective.installed (their names).
packages_named() {
    _there=0
    for _name in "$@"; do
        package_state "$_name" && _there=1 && see effective installed "$_name"
    done
    [ "$_there" = 1 ] || none effective installed
}

# enabled_tell UNIT: configured.enabled.
enabled_tell() {
    if unit_state "$1"; then see configured enabled "$enabled" "$1"; else none configured enabled; fi
}

# unit_on UNIT: configured.enabled and effective.active.
unit_on() {
    enabled_tell "$1"
    if [ "$enabled" = absent ]; then
        none effective active
    elif [ "$active" = unknown ]; then
        cannot no_tool:systemd
    else
        see effective active "$active" "$1"
    fi
}

# units_running UNIT...: effective.running, one for each that runs.
units_running() {
    _there=0
    for _name in "$@"; do
        unit_state "$_name"
        case $active in
        active | activating | reloading) see effective running "$active" "$_name" && _there=1 ;;
        unknown) cannot no_tool:systemd ;;
        esac
    done
    [ "$_there" = 1 ] || none effective running
}

# ssh_ports: $_own is the ports of sshd, one a line.
ssh_ports() {
    [ "$_sshd_known" = 1 ] || _read_sshd
    _own=$(printf '%s\n' "$_sshd" | sed -n 's/^port //p')
    _own=${_own:-22}
}

# ports_open PORT/PROTOCOL...: effective.listening, one for each that others can reach.
ports_open() {
    _read_ports
    _there=0
    for _name in "$@"; do
        case $NL$_ports$NL in
        *"$NL$_name$NL"*) see effective listening open "$_name" && _there=1 ;;
        esac
    done
    [ "$_there" = 1 ] || none effective listening
}

# $_ports: what is listened on at other addresses than the loopback's (proc(5): 0A is LISTEN, 07 a
# datagram socket without a peer; addresses are in the host's byte order, here little-endian).
_ports='' _ports_known=0
_read_ports() {
    [ "$_ports_known" = 1 ] && return
    _ports_known=1
    set --
    for _file in /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6; do
        [ -r "$_file" ] && set -- "$@" "$_file"
    done
    [ $# -gt 0 ] || { cannot unreadable:/proc/net/tcp && return; }
    _ports=$(awk '
        function number(s,   i, n) {
            for (i = 1; i <= length(s); i++) n = n * 16 + index("123456789ABCDEF", substr(s, i, 1))
            return n
        }
        FNR == 1 { protocol = FILENAME; gsub(/.*\/|6$/, "", protocol); next }
        $4 == (protocol == "tcp" ? "0A" : "07") {
            split($2, at, ":")
            if (at[1] ~ /^(0000000000000000FFFF0000)?......7F$/) next
            if (at[1] == "00000000000000000000000001000000") next
            port = number(at[2]) "/" protocol
            if (!seen[port]++) print port
        }' "$@")
}

# agents_running NAME...: effective.agent, those of the programs that run (by proc(5), comm).
agents_running() {
    _have=$NL$(cat /proc/[0-9]*/comm 2>/dev/null)$NL
    _there=0
    for _name in "$@"; do
        _one=$(printf %.15s "$_name")
        case $_have in *"$NL$_one$NL"*) see effective agent "$_name" && _there=1 ;; esac
    done
    [ "$_there" = 1 ] || none effective agent
}

# --- the firewall -------------------------------------------------------------------------------

# nft_rules: $_nft is the whole ruleset. 1: there is no nft; 2: it cannot be read (told).
_nft='' _nft_rc=3
nft_rules() {
    if [ "$_nft_rc" = 3 ]; then
        _nft_rc=0
        if ! has nft; then
            _nft_rc=1
        else
            _nft=$(limited nft list ruleset 2>/dev/null) || _nft_rc=2
        fi
    fi
    [ "$_nft_rc" = 2 ] && cannot no_tool:nft
    return "$_nft_rc"
}

# nft_policies: effective.input, .forward and .output are what happens to packets that no rule
# names (drop where any table drops them), effective.loopback whether lo is let in.
nft_policies() {
    nft_rules
    printf '%s\n' "$_nft" | awk -v key="$_key" '
        /type filter hook (input|forward|output)/ {
            hook = $0; sub(/.* hook /, "", hook); sub(/ .*/, "", hook)
            if ($0 ~ /policy drop/) policy[hook] = "drop"
            else if (!(hook in policy)) policy[hook] = "accept"
        }
        /^[ \t]*iif(name)? "?lo"? (counter .*)?accept/ { policy["loopback"] = "accept" }
        END {
            split("input forward output loopback", names, " ")
            for (i = 1; i <= 4; i++)
                if (names[i] in policy) printf "see\t%s\teffective\t%s\t\t%s\n", key, names[i], policy[names[i]]
                else printf "none\t%s\teffective\t%s\n", key, names[i]
        }' >&3
}

# --- banners ------------------------------------------------------------------------------------

# banner_tell FILE...: effective.text, whether the first says anything, and effective.tells, what of
# any of them names the system.
banner_tell() {
    field_of_os PRETTY_NAME || value=Debian
    _system=$value _there=0
    text_of "$1"
    if [ -n "$text" ]; then see effective text yes; else see effective text no; fi
    for _file in "$@"; do
        text_of "$_file"
        case $text in
        *\\[mrsv]* | *"$_system"* | *Debian* | *Ubuntu* | *Kernel*)
            see effective tells "$text" "$_file" && _there=1
            ;;
        esac
    done
    [ "$_there" = 1 ] || none effective tells
}

# --- auditing -----------------------------------------------------------------------------------

# audit_needs ITEM...: configured.missing and effective.missing, what the files of rules.d and the
# kernel lack of `watch:PATH`, `exec:PATH` and `call:NAME[:EXTRA]`, however the rule is written.
audit_needs() {
    _audit_known
    _lacking configured "$_audit_files" "$@"
    [ "$_audit_live" = cannot ] && { cannot no_tool:auditctl && return; }
    _lacking effective "$_audit_live" "$@"
}

_audit_files='' _audit_live='' _audit_ready=0
_audit_known() {
    [ "$_audit_ready" = 1 ] && return
    _audit_ready=1
    _audit_files=$(contents /etc/audit/rules.d/*.rules | _audit_items)
    if _audit_live=$(limited auditctl -l 2>/dev/null); then
        _audit_live=$(printf '%s\n' "$_audit_live" | _audit_items)
    else
        _audit_live=cannot
    fi
    case $(uname -m) in
    x86_64 | s390x | ppc64 | sparc64) _arches='b64 b32' ;;
    aarch64 | riscv64 | loongarch64 | ppc64le) _arches=b64 ;;
    *) _arches=b32 ;;
    esac
}

# Rules as audit.rules(7) and auditctl(8) write them -> items, one a line; calls with their arch.
_audit_items() {
    awk '
        function item(text) { print text }
        function calls(a,   i, j, arches, n) {
            n = split(a == "" ? "b64 b32" : a, arches, " ")
            for (i = 1; i <= n; i++)
                for (j = 1; j <= many; j++)
                    item("call:" arches[i] ":" call[j] (extra == "" ? "" : ":" extra))
        }
        { gsub(/\r/, ""); path = perm = arch = extra = ""; many = 0; watch = $1 == "-w" }
        /^[ \t]*#/ { next }
        watch { path = $2; perm = "rwxa" }
        !watch && !($1 ~ /^-[aA]$/ && ($2 == "always,exit" || $2 == "exit,always")) { next }
        {
            for (i = watch ? 3 : 2; i < NF; i++) {
                if ($i == "-p") perm = $(i + 1)
                if ($i == "-S") { n = split($(i + 1), part, ","); for (j = 1; j <= n; j++) call[++many] = part[j] }
                if ($i == "-C") { extra = $(i + 1) == "uid!=euid" ? "euid!=uid" : $(i + 1) }
                if ($i == "-F") {
                    at = index($(i + 1), "="); field = substr($(i + 1), 1, at - 1); said = substr($(i + 1), at + 1)
                    if (field == "path" || field == "dir") path = said
                    if (field == "perm") perm = said
                    if (field == "arch") arch = said
                    if (field == "exit") extra = said
                }
            }
            if (path != "" && path != "/") sub(/\/$/, "", path)
            if (path != "" && perm ~ /w/ && perm ~ /a/) item("watch:" path)
            if (path != "" && perm ~ /x/) item("exec:" path)
            if (path == "") calls(arch)
        }'
}

_lacking() {
    _where=$1 _have=$NL$2$NL
    shift 2
    _there=0
    for _item in "$@"; do
        case $_item in
        call:*)
            for _arch in $_arches; do
                [ "$_arches" = b64 ] && _legacy_call "${_item#call:}" && continue
                case $_have in
                *"${NL}call:$_arch:${_item#call:}$NL"*) ;;
                *) see "$_where" missing "$_arch:${_item#call:}" && _there=1 ;;
                esac
            done
            ;;
        *) case $_have in *"$NL$_item$NL"*) ;; *) see "$_where" missing "${_item#*:}" && _there=1 ;; esac ;;
        esac
    done
    [ "$_there" = 1 ] || none "$_where" missing
}

# System calls that architectures made after 2010 do not have.
_legacy_call() {
    case ${1%%:*} in
    chmod | chown | lchown | creat | open | rename | unlink | rmdir | create_module | query_module)
        return 0
        ;;
    esac
    return 1
}
