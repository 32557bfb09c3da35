# shellcheck shell=sh disable=SC2034,SC2154
# Helpers of checks about files, file systems, homes, and the kernel and its boot. Below prelude.sh.

# --- files that say -----------------------------------------------------------------------------

# conf_tell FILE KEY NAME: configured.NAME is what FILE assigns to KEY, without quotes.
conf_tell() {
    if conf_value "$1" "$2" =; then
        value=${value#[\"\']}
        see configured "$3" "${value%[\"\']}" "$1"
    else
        none configured "$3"
    fi
}

# systemd_tell NAME SECTION KEY AS: configured.AS is what /etc/systemd/NAME.conf and its drop-ins
# come to in the order of systemd-system.conf(5): drop-ins last, by file name, /etc before /run
# before /usr/lib.
systemd_tell() {
    for _file in /etc/systemd/"$1".conf /usr/lib/systemd/"$1".conf \
        /etc/systemd/"$1".conf.d/*.conf /run/systemd/"$1".conf.d/*.conf \
        /usr/local/lib/systemd/"$1".conf.d/*.conf /usr/lib/systemd/"$1".conf.d/*.conf; do
        [ -f "$_file" ] && set -- "$@" "$_file"
    done
    value=$(awk '
        BEGIN {
            section = "[" ARGV[2] "]"; key = ARGV[3]
            for (i = 5; i < ARGC; i++) {
                name = ARGV[i]; sub(".*/", "", name)
                if (name in path) continue
                if (ARGV[i] !~ /\.d\//) { path[name] = ARGV[i]; tell(ARGV[i]); continue }
                path[name] = ARGV[i]; order[++n] = name
                for (j = n; j > 1 && order[j - 1] > order[j]; j--) {
                    t = order[j]; order[j] = order[j - 1]; order[j - 1] = t
                }
            }
            for (i = 1; i <= n; i++) tell(path[order[i]])
            if (told) print "=" found
        }
        function tell(file,   line, inside, at) {
            while ((getline line < file) > 0) {
                gsub(/^[ \t]+|[ \t\r]+$/, "", line)
                if (line ~ /^\[/) inside = line == section
                at = index(line, "=")
                name = substr(line, 1, at - 1); sub(/[ \t]+$/, "", name)
                if (inside && at && name == key) {
                    found = substr(line, at + 1); sub(/^[ \t]+/, "", found); told = 1
                }
            }
            close(file)
        }' "$@" 2>/dev/null)
    if [ -n "$value" ]; then see configured "$4" "${value#=}"; else none configured "$4"; fi
}

# allow_list ALLOW DENY: configured.allowed, .allow_file and .deny_file (cron, at).
allow_list() {
    _there=0
    if text_of "$1"; then
        see configured allow_file yes "$1"
        set -f
        for _name in $text; do see configured allowed "$_name" && _there=1; done
        set +f
    else
        see configured allow_file no "$1"
    fi
    [ "$_there" = 1 ] || none configured allowed
    if [ -e "$2" ]; then see configured deny_file yes "$2"; else see configured deny_file no "$2"; fi
}

# --- the kernel, its boot and its interfaces ----------------------------------------------------

# needs_ipv6: this kernel has IPv6.
needs_ipv6() { [ -d /proc/sys/net/ipv6 ] || { not_applicable no_sysctl:net.ipv6 && return 1; }; }

# sysctl_interfaces ipv4|ipv6 NAME: effective.interfaces_NAME, what each interface has by itself.
sysctl_interfaces() {
    _there=0
    _list=$(grep -s . /proc/sys/net/"$1"/conf/*/"$2")
    set -f
    for _one in $_list; do
        _name=${_one%/"$2":*}
        _name=${_name##*/}
        case $_name in all | default | lo) continue ;; esac
        see effective "interfaces_$2" "${_one##*:}" "net.$1.conf.$_name.$2" && _there=1
    done
    set +f
    [ "$_there" = 1 ] || none effective "interfaces_$2"
}

# live_word NAME FILE: effective.NAME is the first word of what the kernel shows in FILE.
live_word() {
    value=''
    [ -r "$2" ] && read -r value <"$2"
    if [ -n "$value" ]; then
        see effective "$1" "${value%%["$BLANKS"]*}" "$2"
    else
        none effective "$1"
    fi
}

# module_off MODULE: configured.loadable and effective.loaded. Without modprobe, what modprobe.d(5)
# says of it.
module_off() {
    module_state "$1"
    [ "$loaded" = builtin ] && { not_applicable "builtin:$1" && return; }
    has modprobe || _module_by_files "$1"
    see configured loadable "$allowed" "$1"
    see effective loaded "$loaded" "$1"
}

_module_by_files() {
    case $(contents /etc/modprobe.d/*.conf /run/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf \
        /lib/modprobe.d/*.conf | awk -v m="$1" '
            BEGIN { gsub(/-/, "_", m) }
            $1 == "install" { gsub(/-/, "_", $2) } $1 == "install" && $2 == m { print $3 }') in
    */true | */false | */nologin) allowed=no ;;
    esac
}

# grub_text: $value is all arguments that /etc/default/grub gives the kernel.
grub_text() {
    _ours=''
    for _file in /etc/default/grub /etc/default/grub.d/*.cfg; do
        for _name in GRUB_CMDLINE_LINUX GRUB_CMDLINE_LINUX_DEFAULT; do
            conf_value "$_file" "$_name" = || continue
            value=${value#[\"\']}
            _ours="$_ours ${value%[\"\']}"
        done
    done
    value=$_ours
}

# boot_argument ARGUMENT NAME: configured.NAME and effective.NAME, its value at the next boot and now.
boot_argument() {
    grub_text
    if _last_word "$1" "$value"; then see configured "$2" "$_word"; else none configured "$2"; fi
    read -r value </proc/cmdline
    if _last_word "$1" "$value"; then see effective "$2" "$_word"; else none effective "$2"; fi
}

# _last_word ARGUMENT TEXT: $_word is what the last ARGUMENT= in TEXT says.
_last_word() {
    _word='' _rc=1
    set -f
    for _one in $2; do
        case $_one in "$1="*) _word=${_one#*=} _rc=0 ;; esac
    done
    set +f
    return "$_rc"
}

# --- file systems -------------------------------------------------------------------------------

# mount_tell PATH: configured.options and effective.options, one for each.
mount_tell() {
    value=''
    fstab_options "$1" || _mount_unit "$1"
    _each_option configured "$value"
    mount_options "$1"
    _each_option effective "$value"
}

_each_option() {
    [ -n "$2" ] || { none "$1" options && return; }
    IFS=,
    set -f
    for _one in $2; do see "$1" options "$_one"; done
    set +f
    IFS=$USUAL
}

# A unit of systemd may mount what fstab does not name.
_mount_unit() {
    _one=${1#/}
    while :; do
        case $_one in */*) _one=${_one%%/*}-${_one#*/} ;; *) break ;; esac
    done
    for _file in /etc/systemd/system/"$_one".mount /usr/lib/systemd/system/"$_one".mount; do
        [ -e "$_file" ] && ini_value "$_file" Mount Options && return
    done
}

# mount_separate PATH: effective.separate.
mount_separate() {
    if mount_options "$1"; then see effective separate yes "$1"; else see effective separate no "$1"; fi
}

# tell_files NAME [paths]: lines `MODE PATH` on standard input as effective.NAME (of the path), or the
# other way about.
tell_files() {
    awk -v key="$_key" -v name="$1" -v paths="${2-}" '
        { at = index($0, " "); mode = substr($0, 1, at - 1); path = substr($0, at + 1); n++ }
        paths { printf "see\t%s\teffective\t%s\t%.300s\t%.2000s\n", key, name, mode, path; next }
        { printf "see\t%s\teffective\t%s\t%.1000s\t%s\n", key, name, path, mode }
        END { if (!n) printf "none\t%s\teffective\t%s\n", key, name }' >&3
}

# found_lines: what `find -printf "...\0"` printed, one a line, with no control characters inside.
found_lines() { tr '\001-\037\177\000' '[?*32]\n'; }

# can_find: whether find knows -printf (GNU); told if not.
can_find() {
    find / -maxdepth 0 -printf '' 2>/dev/null && return
    cannot no_tool:find
    return 1
}

# tree_look: one walk over all local file systems for every control that wants one. $_tree has lines
# `KIND MODE PATH`: f a file that everybody can write, d such a directory without the sticky bit, u
# what has no owner or group, s a setuid or setgid program. 1: it cannot be done.
_tree='' _tree_known=0
tree_look() {
    can_find || return 1
    [ "$_tree_known" = 1 ] && return
    _tree_known=1
    # shellcheck disable=SC2046
    set -- $(_known_numbers uid /etc/passwd)
    _gids=$(_known_numbers gid /etc/group)
    # shellcheck disable=SC2046,SC2086
    _tree=$(nice -n 19 find / $(_local_mounts) -xdev \
        '(' '(' -type f -perm -0002 -printf 'f %m %p\0' ')' -o \
        '(' -type d -perm -0002 ! -perm -1000 -printf 'd %m %p\0' ')' -o -true ')' \
        '(' '(' ! '(' "$@" ')' -nouser -printf 'u %U:%G %p\0' ')' -o \
        '(' ! '(' $_gids ')' -nogroup -printf 'u %U:%G %p\0' ')' -o -true ')' \
        -type f -perm /6000 -printf 's %m %p\0' 2>/dev/null | found_lines)
}

# The numbers that a file knows as tests for find, so that only others are looked up one by one.
_known_numbers() {
    awk -F: -v test="-$1" '
        $3 ~ /^[0-9]+$/ && !seen[$3]++ { printf "%s%s %d", n++ ? " -o " : "", test, $3 }
        END { if (!n) printf "%s 0", test }' "$2"
}

# Where other local file systems are mounted, each device once.
_local_mounts() {
    awk '$3 ~ /^(ext[234]|xfs|btrfs|zfs|jfs|reiserfs|f2fs)$/ && $2 !~ /\\/ {
             if ($2 == "/") seen[$1] = 1; else if (!($1 in at)) { at[$1] = $2; order[++n] = $1 } }
         END { for (i = 1; i <= n; i++) if (!(order[i] in seen)) print at[order[i]] }' /proc/self/mounts
}

# tree_tell KIND NAME [paths]: what tree_look found of that kind, as tell_files does.
tree_tell() {
    printf '%s\n' "$_tree" | sed -n "s/^$1 //p" | tell_files "$2" "${3-}"
}

# home_directories: $_homes has lines USER:HOME of the people of /etc/passwd who can log in.
_homes='' _homes_known=0
home_directories() {
    [ "$_homes_known" = 1 ] && return
    _homes_known=1
    _homes=$(awk -F: '$3 ~ /^[0-9]+$/ && $3 >= 1000 && $3 < 60000 && $7 !~ /(nologin|false)$/ &&
        $6 ~ /^\/./ { print $1 ":" $6 }' /etc/passwd)
}

# home_files ARGUMENT...: `MODE PATH` of what find finds with them in the homes, root's included.
home_files() {
    home_directories
    _list='/root'
    IFS=$NL
    set -f
    for _one in $_homes; do [ -d "${_one#*:}" ] && _list=$_list$NL${_one#*:}; done
    # shellcheck disable=SC2086
    find $_list -maxdepth 1 "$@" -printf '%m %p\0' 2>/dev/null | found_lines
    set +f
    IFS=$USUAL
}
