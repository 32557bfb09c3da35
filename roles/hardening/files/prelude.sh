# shellcheck shell=sh disable=SC2034,SC2154,SC2016,SC2013,SC3013
# What every check of a control stands on: how it looks at a host and how it tells what it saw.
#
# POSIX sh (dash, busybox ash, bash 4.1). Reads only; never needs Python; forks little. Helpers that
# find something put it into $value and return 0; 1 means that it is not there. What cannot be
# looked at is told by `cannot`, never passed over. Only the words of `see`, `none`,
# `not_applicable` and `cannot` leave the host, on descriptor 3; what checks print goes nowhere.

LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset CDPATH ENV GREP_OPTIONS POSIXLY_CORRECT
NL='
'
TAB='	'
BLANKS=" $TAB"
USUAL=$BLANKS$NL
IFS=$USUAL
exec 3>&1

# --- telling ------------------------------------------------------------------------------------

# see WHERE NAME VALUE [OF]: WHERE is configured or effective; the same NAME again makes a list;
# OF is what the value belongs to (a path, a user). Told on one line, whatever VALUE holds.
see() {
    _see=$3 _see_of=${4-}
    case $_see in *"$NL"*) one_line "$_see" && _see=$_line ;; esac
    case $_see_of in *["$NL$TAB"]*) one_line "$_see_of" && _see_of=$_line ;; esac
    printf 'see\t%s\t%s\t%s\t%.300s\t%.2000s\n' "$_key" "$1" "$2" "$_see_of" "$_see" >&3
}

# none WHERE NAME: looked, and there is nothing.
none() { printf 'none\t%s\t%s\t%s\n' "$_key" "$1" "$2" >&3; }

# not_applicable WHY, cannot WHY: the reasons are those of controls/reasons.py.
not_applicable() { printf 'not_applicable\t%s\t%s\n' "$_key" "$1" >&3; }
cannot() { printf 'cannot\t%s\t%s\n' "$_key" "$1" >&3; }

# one_line TEXT: $_line is TEXT with its line ends and tabs made visible.
one_line() {
    _tail=$1 _line=
    while :; do
        case $_tail in
        *["$NL$TAB"]*) ;;
        *) break ;;
        esac
        _head=${_tail%%["$NL$TAB"]*}
        _tail=${_tail#"$_head"}
        case $_tail in "$NL"*) _line=$_line$_head'\n' ;; *) _line=$_line$_head'\t' ;; esac
        _tail=${_tail#?}
    done
    _line=$_line$_tail
}

# tell WHERE NAME LINES: each line is what it belongs to, a blank, and the value; none for no lines.
tell() {
    [ -n "$3" ] || { none "$1" "$2"; return; }
    IFS=$NL
    set -f
    for _each in $3; do
        IFS=$USUAL
        see "$1" "$2" "${_each#* }" "${_each%% *}"
    done
    set +f
    IFS=$USUAL
}

# --- looking ------------------------------------------------------------------------------------

# limited COMMAND ARGUMENT...: a command that might hang gets ten seconds.
if timeout 1 true 2>/dev/null; then
    limited() { timeout 10 "$@" 3>&- </dev/null; }
else
    limited() { "$@" 3>&- </dev/null; }
fi

# has COMMAND
has() { command -v "$1" >/dev/null 2>&1; }

# trim TEXT: $value is TEXT without blanks around it.
trim() {
    value=${1#"${1%%[!"$BLANKS"]*}"}
    value=${value%"${value##*[!"$BLANKS"]}"}
}

# line_of TEXT BEGINNING: $value is the rest of the first line of TEXT that begins so. A loop, since
# taking a prefix off a long text by a pattern costs a hundred times as much in dash.
line_of() {
    value='' IFS=$NL
    set -f
    for _one in $1; do
        case $_one in "$2"*) value=${_one#"$2"} && set +f && IFS=$USUAL && return 0 ;; esac
    done
    set +f
    IFS=$USUAL
    return 1
}

# text_of FILE: $text is what is in it. 1: there is no such file; 2: it cannot be read (told).
_text_of='' _text_rc=1 text=''
text_of() {
    if [ "$1" != "$_text_of" ]; then
        text='' _text_of=$1 _text_rc=0
        if [ ! -e "$1" ]; then
            _text_rc=1
            unreachable "$1" && _text_rc=2
        elif [ ! -f "$1" ] || [ ! -r "$1" ]; then
            _text_rc=2
        else
            text=$(dd if="$1" bs=1048576 count=4 2>/dev/null)
        fi
    fi
    [ "$_text_rc" = 2 ] && cannot unreadable
    return "$_text_rc"
}

# contents FILE...: prints the lines of those that are files and can be read (paths from / on). Never name a file of the
# host to cat, awk or sed otherwise: it may be a pipe or a device, which has no end.
contents() {
    for _file in "$@"; do
        shift
        [ -f "$_file" ] && [ -r "$_file" ] && set -- "$@" "$_file"
    done
    [ $# = 0 ] || limited awk 1 "$@"
}

# unreachable FILE: a directory on the way may not be entered, so nobody knows.
unreachable() {
    _dir=${1%/*}
    while [ -n "$_dir" ]; do
        [ -d "$_dir" ] && { [ ! -x "$_dir" ]; return; }
        _dir=${_dir%/*}
    done
    return 1
}

# assigned LINE KEY SEPARATORS: LINE assigns KEY; $value is what.
assigned() {
    _rest=${1#"${1%%[!"$BLANKS"]*}"}
    case $_rest in "$2"*) _rest=${_rest#"$2"} ;; *) return 1 ;; esac
    _gap=${_rest%%[!"$BLANKS"]*}
    _rest=${_rest#"$_gap"}
    case $3 in
    *=*) case $_rest in =*) trim "${_rest#=}" && return 0 ;; esac ;;
    esac
    case $3 in
    *:*) case $_rest in :*) trim "${_rest#:}" && return 0 ;; esac ;;
    esac
    [ -z "$_rest" ] && value='' && return 0
    case $3 in
    *" "*) [ -n "$_gap" ] && trim "$_rest" && return 0 ;;
    esac
    return 1
}

# conf_value FILE KEY [SEPARATORS]: the last assignment; separators among " ", "=" and ":".
conf_value() {
    text_of "$1" || { value='' && return 1; }
    _last='' _rc=1 IFS=$NL
    set -f
    for _one in $text; do
        case $_one in
        *"$2"*) IFS=$USUAL && assigned "$_one" "$2" "${3- =}" && _last=$value _rc=0 ;;
        esac
    done
    set +f
    IFS=$USUAL value=$_last
    return "$_rc"
}

# ini_value FILE SECTION KEY: the last assignment of KEY within [SECTION].
ini_value() {
    text_of "$1" || { value='' && return 1; }
    _last='' _rc=1 _in='' IFS=$NL
    set -f
    for _one in $text; do
        IFS=$USUAL
        case $_one in
        '['*) _in=${_one#?} && _in=${_in%%]*} ;;
        *"$3"*) [ "$_in" = "$2" ] && assigned "$_one" "$3" = && _last=$value _rc=0 ;;
        esac
    done
    set +f
    IFS=$USUAL value=$_last
    return "$_rc"
}

# file_modes FILE...: mode, owner and group of each that is there, as effective.mode, .owner, .group
# (of the file). A file that is not there is not told; a symbolic link stands for what it points to.
file_modes() {
    _there=0
    for _file in "$@"; do
        [ -e "$_file" ] || { unreachable "$_file" && cannot unreadable; continue; }
        _there=1
        mode_as mode "$_file"
    done
    [ "$_there" = 1 ] || { none effective mode; none effective owner; none effective group; }
}

# mode_as NAME FILE: its mode told as NAME, its owner and its group. 1: they cannot be read.
mode_as() {
    _stat=$(stat -L -c '%a %U %G' -- "$2" 2>/dev/null) || { cannot unreadable; return 1; }
    see effective "$1" "${_stat%% *}" "$2"
    _stat=${_stat#* }
    see effective owner "${_stat% *}" "$2"
    see effective group "${_stat#* }" "$2"
}

# --- asking once --------------------------------------------------------------------------------

# asked KIND NAME: whether NAME was among those of KIND that were asked for, all in one call.
_asked=' '
asked() { case $_asked in *" $1:$2 "*) ;; *) return 1 ;; esac; }

# now_asked KIND NAME...
now_asked() {
    _kind=$1
    shift
    for _noted in "$@"; do _asked="$_asked$_kind:$_noted "; done
}

# --- packages -----------------------------------------------------------------------------------

# package_state NAME: whether it is installed; $value is its version. compose() tells the names that
# will be asked for (PACKAGES), so that the package manager is asked once.
_packages=''
package_state() {
    # shellcheck disable=SC2086
    asked package "$1" || _ask_packages $PACKAGES "$1"
    line_of "$_packages" "$1 "
}

_ask_packages() {
    PACKAGES=''
    now_asked package "$@"
    case $FAMILY in
    debian) _packages=$_packages$NL$(limited dpkg-query -W \
        -f '${Package} ${db:Status-Status} ${Version}\n' "$@" 2>/dev/null | sed -n 's/ installed / /p') ;;
    rhel) _packages=$_packages$NL$(limited rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE}\n' "$@" 2>/dev/null |
        sed '/ .* /d') ;;
    esac
}

# packages_present NAME...: tells which of them are installed, as effective.installed (of the name).
packages_present() {
    _there=0
    for _name in "$@"; do
        package_state "$_name" && _there=1 && see effective installed "$value" "$_name"
    done
    [ "$_there" = 1 ] || none effective installed
}

# --- units --------------------------------------------------------------------------------------

# unit_state NAME: $enabled is what the files say (enabled, disabled, masked, static ..., absent),
# $active what runs (active, inactive, failed ...; unknown where no systemd runs). 1: no such unit.
_units=''
unit_state() {
    # shellcheck disable=SC2086
    asked unit "$1" || _ask_units $UNITS "$1"
    enabled=absent active=inactive
    line_of "$_units" "$1 " && enabled=${value%% *} active=${value#* }
    [ "$enabled" != absent ]
}

_ask_units() {
    UNITS=''
    now_asked unit "$@"
    if [ -d /run/systemd/system ]; then
        _units=$_units$NL$(limited systemctl show -p Id -p LoadState -p ActiveState \
            -p UnitFileState -- "$@" 2>/dev/null | awk -F= '
            function out() { if (id != "" && load != "not-found") print id, (file == "" ? load : file), active
                             id = load = active = file = "" }
            NF == 0 { out() } $1 == "Id" { id = $2 } $1 == "LoadState" { load = $2 }
            $1 == "ActiveState" { active = $2 } $1 == "UnitFileState" { file = $2 } END { out() }')
    elif has systemctl; then
        for _unit in "$@"; do
            _state=$(limited systemctl is-enabled -- "$_unit" 2>/dev/null)
            case $_state in '' | not-found) ;; *) _units=$_units$NL"$_unit $_state unknown" ;; esac
        done
    fi
}

# --- the kernel ---------------------------------------------------------------------------------

# sysctl_live NAME: what the kernel has now. Not by `read`: it reads byte by byte, and files below
# /proc/sys answer only once. compose() tells the names that will be asked for (SYSCTLS).
_live=''
sysctl_live() {
    # shellcheck disable=SC2086
    asked sysctl "$1" || _ask_sysctls $SYSCTLS "$1"
    line_of "$_live" "$1:"
}

_ask_sysctls() {
    SYSCTLS=''
    now_asked sysctl "$@"
    _paths=''
    IFS=.
    for _name in "$@"; do
        IFS=.
        _path=/proc/sys
        for _part in $_name; do _path=$_path/$_part; done
        IFS=$USUAL
        _paths="$_paths $_path"
    done
    IFS=$USUAL
    # shellcheck disable=SC2086
    _live=$_live$NL$(grep -sH '' $_paths | awk '{
        at = index($0, ":"); name = substr($0, 11, at - 11); said = substr($0, at + 1)
        gsub("/", ".", name); gsub("\t", " ", said); print name ":" said
    }')
}

# sysctl_file NAME: what the files of sysctl.d say, the last file that says it counting.
_sysctls='' _sysctls_known=0
sysctl_file() {
    [ "$_sysctls_known" = 1 ] || _read_sysctls
    line_of "$_sysctls" "$1 "
}

# The order of sysctl.d(5): by file name, a name in /etc hiding that name elsewhere; sysctl(8)
# takes /etc/sysctl.conf last of all.
_read_sysctls() {
    _sysctls_known=1
    set --
    for _file in /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf \
        /usr/lib/sysctl.d/*.conf /lib/sysctl.d/*.conf; do
        [ -f "$_file" ] && set -- "$@" "$_file"
    done
    _sysctls=$(limited awk '
        BEGIN {
            for (i = 1; i < ARGC; i++) {
                name = ARGV[i]; sub(".*/", "", name)
                if (name in path) continue
                path[name] = ARGV[i]; order[++n] = name
                for (j = n; j > 1 && order[j - 1] > order[j]; j--) {
                    t = order[j]; order[j] = order[j - 1]; order[j - 1] = t
                }
            }
            for (i = 1; i <= n; i++) tell(path[order[i]])
            tell("/etc/sysctl.conf")
            for (name in last) print name, last[name]
        }
        function tell(file,   line, at, name, said) {
            while ((getline line < file) > 0) {
                if (line !~ /^[ \t]*-?[a-zA-Z][^#;=]*=/) continue
                at = index(line, "="); name = substr(line, 1, at - 1); said = substr(line, at + 1)
                gsub(/^[ \t]*-?|[ \t]+$/, "", name); gsub(/^[ \t]+|[ \t\r]+$/, "", said)
                if (name ~ /^[^.]*\//) { gsub(/\./, "%", name); gsub("/", ".", name); gsub("%", "/", name) }
                last[name] = said
            }
            close(file)
        }' "$@" 2>/dev/null)
}

# sysctl_option NAME AS: tells configured.AS and effective.AS of a setting of the kernel. What this
# kernel does not have (a container's may not) is not applicable.
sysctl_option() {
    if sysctl_live "$1"; then
        see effective "$2" "$value" "$1"
    else
        not_applicable "no_sysctl:$1"
        return 1
    fi
    if sysctl_file "$1"; then see configured "$2" "$value" "$1"; else none configured "$2"; fi
}

# module_state NAME: $loaded is yes, builtin or no; $allowed whether modprobe would load it.
module_state() {
    loaded=no allowed=yes
    _under=$1
    case $1 in *-*) _under=$(printf %s "$1" | tr - _) ;; esac
    case $NL$(cat /proc/modules 2>/dev/null) in *"$NL$_under "*) loaded=yes ;; esac
    [ "$loaded" = no ] && [ -d "/sys/module/$_under" ] && loaded=builtin
    if has modprobe; then
        case $(limited modprobe -n -v -- "$1" 2>&1) in
        *'install /bin/true'* | *'install /bin/false'* | *'install /usr/bin/true'*) allowed=no ;;
        *'install /usr/bin/false'* | *'install /sbin/nologin'*) allowed=no ;;
        *'not found'*) allowed=missing ;;
        esac
    fi
}

# mount_options PATH: $value is how PATH is mounted now; 1: it is no mount point of its own.
mount_options() { _mount_line /proc/self/mounts "$1"; }

# fstab_options PATH: $value is what /etc/fstab says of it.
fstab_options() { _mount_line /etc/fstab "$1"; }

_mount_line() {
    text_of "$1" || { value='' && return 1; }
    value=$(printf '%s\n' "$text" | awk -v at="$2" '$1 !~ /^#/ && $2 == at { o = $4 } END { print o }')
    [ -n "$value" ]
}

# --- sshd ---------------------------------------------------------------------------------------

# sshd_option NAME: tells configured.NAME and effective.NAME (NAME in small letters). Configured is
# what sshd makes of its files, and whatever a Match block says beside it; effective is the same once
# the daemon that runs has read the files as they are now, else that it has not.
_sshd_known=0
sshd_option() {
    sshd_read || return
    if sshd_value "$1"; then see configured "$1" "$value"; else none configured "$1"; fi
    case $_sshd in *"${NL}in-match $1 "*) _sshd_matches "$1" ;; esac
    if [ "$_sshd_stale" = 1 ]; then
        see effective "$1" '(not reloaded)'
    elif sshd_value "$1"; then
        see effective "$1" "$value"
    else
        none effective "$1"
    fi
}

# _sshd_matches NAME: tells what Match blocks say of it beside.
_sshd_matches() {
    IFS=$NL
    set -f
    for _one in $_sshd; do
        case $_one in "in-match $1 "*) see configured "$1" "${_one#in-match * }" Match ;; esac
    done
    set +f
    IFS=$USUAL
}

# sshd_value NAME: $value is what sshd makes of NAME outside of Match blocks, its default included.
sshd_value() {
    line_of "$_sshd" "$1 "
}

# sshd_read: sshd has been asked; $_sshd_stale is 1 where the daemon has not read its files since.
sshd_read() {
    [ "$_sshd_known" = 1 ] || _read_sshd
    [ -n "$_sshd" ] || { cannot sshd_test && return 1; }
}

_read_sshd() {
    _sshd_known=1 _sshd='' _sshd_stale=0 _sshd_files=''
    _sshd=$(limited "$(command -v sshd || echo /usr/sbin/sshd)" -T 2>/dev/null)
    [ -n "$_sshd" ] || return
    _sshd_includes /etc/ssh/sshd_config 0
    _sshd=$_sshd$NL$(printf '%s' "$_sshd_files" | while IFS= read -r _file; do
        contents "$_file"
        echo
        echo 'Match all'
    done | awk 'tolower($1) == "match" { inside = tolower($2) != "all"; next }
        inside && $1 !~ /^#/ && NF > 1 { name = tolower($1); $1 = ""; sub(/^ /, ""); print "in-match", name, $0 }')
    _sshd_is_stale && _sshd_stale=1
}

# The files of sshd's configuration, one a line: Include at any depth that sshd allows.
_sshd_includes() {
    [ -f "$1" ] && [ "$2" -lt 16 ] || return 0
    _sshd_files=$_sshd_files$1$NL
    for _glob in $(awk 'tolower($1) == "include" { for (i = 2; i <= NF; i++) print $i }' "$1" 2>/dev/null); do
        case $_glob in /*) ;; *) _glob=/etc/ssh/$_glob ;; esac
        for _inc in $_glob; do _sshd_includes "$_inc" $(($2 + 1)); done
    done
}

# A daemon writes its pid file each time it reads its files, also on reload (sshd(8), SIGHUP). No
# pid file: no daemon of its own (socket activation reads the files for every login).
_sshd_is_stale() {
    [ -f /run/sshd.pid ] || return 1
    read -r _pid </run/sshd.pid 2>/dev/null && [ -d "/proc/$_pid" ] || return 1
    IFS=$NL
    for _file in $_sshd_files; do
        [ "$_file" -nt /run/sshd.pid ] && IFS=$USUAL && return 0
    done
    IFS=$USUAL
    [ /etc/ssh/sshd_config.d -nt /run/sshd.pid ]
}

# --- accounts -----------------------------------------------------------------------------------

# accounts: $value has a line for each account of this host:
# name:uid:gid:shell:password:max:min:warn:inactive:changed, password being set, empty or locked.
_accounts='' _accounts_known=0
accounts() {
    if [ "$_accounts_known" = 0 ]; then
        _accounts_known=1
        [ -f /etc/passwd ] && [ -f /etc/shadow ] && [ -r /etc/shadow ] && _accounts=$(limited awk -F: '
            FILENAME == "/etc/shadow" { word = $2 == "" ? "empty" : $2 ~ /^[!*]|^x$/ ? "locked" : "set"
                shadow[$1] = word ":" $5 ":" $4 ":" $6 ":" $7 ":" $3; next }
            NF >= 7 { if ($2 == "") mine = "empty:::::"
                else if ($2 != "x" && $2 !~ /^[!*]/) mine = "set:::::"
                else mine = ($1 in shadow) ? shadow[$1] : "locked:::::"
                print $1 ":" $3 ":" $4 ":" $7 ":" mine }' /etc/shadow /etc/passwd 2>/dev/null)
    fi
    value=$_accounts
    [ -n "$value" ] || { cannot unreadable:/etc/shadow && return 1; }
}

# tell_accounts WHERE NAME AWK: what AWK prints of the lines of accounts (fields split at colons).
tell_accounts() {
    accounts || return
    tell "$1" "$2" "$(printf '%s\n' "$value" | awk -F: "$3")"
}

# --- PAM ----------------------------------------------------------------------------------------

# pam_files TYPE: $value are the files in which the stack of that type stands.
pam_files() {
    if [ "$FAMILY" = debian ]; then
        value="/etc/pam.d/common-$1"
    else
        value="/etc/pam.d/system-auth /etc/pam.d/password-auth"
    fi
}

# pam_args FILE TYPE MODULE: $value is what MODULE is given there (of all its lines). 1: not there.
_pam_asked='' _pam_said='' _pam_rc=1
pam_args() {
    if [ "$_pam_asked" != "$*" ]; then
        _pam_asked=$* _pam_said='' _pam_rc=1
        [ -f "$1" ] && _pam_said=$(limited awk -v type="$2" -v module="$3" '
            /^[ \t]*#/ { next }
            { word = $1; sub(/^-/, "", word); if (word != type) next
              rest = $0; sub(/^[ \t]*-?[a-z]+[ \t]+/, "", rest); sub(/[ \t]#.*$/, "", rest)
              if (rest ~ /^\[/) sub(/^\[[^]]*\][ \t]*/, "", rest); else sub(/^[^ \t]+[ \t]+/, "", rest)
              split(rest, part, /[ \t]+/); name = part[1]; sub(/.*\//, "", name)
              if (name != module) next
              found = 1; sub(/^[^ \t]+[ \t]*/, "", rest); out = out " " rest }
            END { print out; exit !found }' "$1" 2>/dev/null) && pam_there "$3" && _pam_rc=0
    fi
    value=$_pam_said
    return "$_pam_rc"
}

# pam_there MODULE: whether the module itself is installed.
pam_there() {
    for _so in /lib/security/"$1" /lib64/security/"$1" /lib/*/security/"$1" \
        /usr/lib/security/"$1" /usr/lib64/security/"$1" /usr/lib/*/security/"$1"; do
        [ -e "$_so" ] && return 0
    done
    return 1
}

# pam_enabled NAME TYPE MODULE: tells effective.NAME, yes or no, of each file of the stack. PAM
# reads its files at every login, so what they say is in effect.
pam_enabled() {
    pam_files "$2"
    for _stack in $value; do
        if pam_args "$_stack" "$2" "$3"; then _on=yes; else _on=no; fi
        see effective "$1" "$_on" "$_stack"
    done
}

# pam_setting NAME TYPE MODULE CONF [DEFAULT]: tells configured.NAME and effective.NAME of a setting
# that stands behind the module or in its own file; where the module is not in use, effective is off.
pam_setting() {
    pam_files "$2"
    for _stack in $value; do
        _on=1
        pam_args "$_stack" "$2" "$3" || _on=0
        _args=" $value "
        case $_args in
        *" $1="*) value=${_args##*" $1="} && value=${value%% *} && _said=1 ;;
        *" $1 "*) value=yes _said=1 ;;
        *) if security_value "$4" "$1"; then _said=1; else _said=0; fi ;;
        esac
        _now=$value
        if [ "$_said" = 1 ]; then see configured "$1" "$_now" "$_stack"; else none configured "$1"; fi
        [ "$_said" = 1 ] || _now=${5-}
        if [ "$_on" = 0 ]; then
            see effective "$1" off "$_stack"
        elif [ -n "$_now" ]; then
            see effective "$1" "$_now" "$_stack"
        else
            none effective "$1"
        fi
    done
}

# security_value FILE KEY: FILE of /etc/security counts after those of FILE.d; a flag is yes.
security_value() {
    _best='' _any=1
    for _part_file in "$1".d/*.conf "$1"; do
        [ -e "$_part_file" ] || continue
        conf_value "$_part_file" "$2" && _best=${value:-yes} _any=0
    done
    value=$_best
    return "$_any"
}

# --- sudo ---------------------------------------------------------------------------------------

# sudo_lines: $value has the lines of sudoers and of what it includes, each after its file and a tab.
_sudo='' _sudo_known=0
sudo_lines() {
    if [ "$_sudo_known" = 0 ]; then
        _sudo_known=1
        [ -f /etc/sudoers ] && [ -r /etc/sudoers ] && _sudo=$(_sudo_files /etc/sudoers 0 | sort -u | tr '\n' '\0' |
            xargs -0 awk '{ line = line $0 }
                /\\$/ { sub(/\\$/, "", line); next }
                line !~ /^[ \t]*#/ && line !~ /^[ \t]*$/ { sub(/^[ \t]+/, "", line); print FILENAME "\t" line }
                { line = "" }' 2>/dev/null)
    fi
    value=$_sudo
    [ -n "$value" ] || { cannot unreadable:/etc/sudoers && return 1; }
}

_sudo_files() {
    [ -f "$1" ] && [ -r "$1" ] && [ "$2" -lt 9 ] || return 0
    printf '%s\n' "$1"
    awk '$1 ~ /^[#@]include(dir)?$/ { print $1, $2 }' "$1" | while read -r _word _path; do
        case $_path in /*) ;; *) _path=/etc/$_path ;; esac
        case $_word in
        ?includedir) for _inc in "$_path"/*; do
            case ${_inc##*/} in *.* | *~) ;; *) [ -f "$_inc" ] && _sudo_files "$_inc" $(($2 + 1)) ;; esac
        done ;;
        *) _sudo_files "$_path" $(($2 + 1)) ;;
        esac
    done
}

# sudo_default NAME SENTENCE: tells configured.NAME of a setting that holds for everybody (its value, yes or
# no), and effective.NAME as sudo itself says it to root in the line that begins with SENTENCE: sudo(8), -V.
_sudo_says='' _sudo_asked=0
sudo_default() {
    sudo_lines || return
    value=$(printf '%s\n' "$value" | awk -v name="$1" '
        { line = substr($0, index($0, "\t") + 1) } line !~ /^Defaults[ \t]/ { next }
        { sub(/^Defaults[ \t]+/, "", line); line = "," line
          gsub(/[ \t]*=[ \t]*/, "=", line); gsub(/,[ \t]*/, ",", line); gsub(/[ \t]+$/, "", line)
          at = index(line, "," name "="); if (at) { said = substr(line, at + length(name) + 2)
              if (said ~ /^"/) { sub(/^"/, "", said); sub(/".*/, "", said) } else sub(/,.*/, "", said) }
          if (index(line ",", "," name ",")) said = "yes"
          if (index(line ",", ",!" name ",")) said = "no" }
        END { print said }')
    if [ -n "$value" ]; then see configured "$1" "$value"; else none configured "$1"; fi
    if [ "$_sudo_asked" = 0 ]; then
        _sudo_asked=1
        _sudo_says=$(limited sudo -V 2>/dev/null)
    fi
    case $_sudo_says in
    *'Authentication timestamp timeout'*)
        value=$(printf '%s\n' "$_sudo_says" | awk -v sentence="$2" '
            index($0, sentence) == 1 { said = substr($0, length(sentence) + 1)
                sub(/(\.0)? minutes$/, "", said); if (said == "") said = "yes" }
            END { print said == "" ? "no" : said }')
        see effective "$1" "$value"
        ;;
    *) none effective "$1" ;; # it does not tell
    esac
}

# --- what the host is ---------------------------------------------------------------------------

# field_of_os NAME: a field of /etc/os-release without its quotes.
field_of_os() {
    conf_value /etc/os-release "$1" = || return 1
    value=${value#[\"\']}
    value=${value%[\"\']}
}

FAMILY=other
if [ -e /var/lib/dpkg/status ]; then
    FAMILY=debian
elif [ -d /var/lib/rpm ] || [ -d /usr/lib/sysimage/rpm ]; then
    FAMILY=rhel
fi
ROOT=0
[ "$(id -u)" = 0 ] && ROOT=1
CONTAINER=0
if [ -e /run/systemd/container ] || [ -e /.dockerenv ] || [ -e /run/.containerenv ]; then
    CONTAINER=1
elif [ "$ROOT" = 1 ] && tr '\0' '\n' </proc/1/environ 2>/dev/null | grep -q '^container='; then
    CONTAINER=1
fi

# --- what a control needs: told as not applicable, or as not to be looked at --------------------

needs_family() {
    case " $* " in *" $FAMILY "*) return 0 ;; esac
    not_applicable family
    return 1
}
needs_root() { [ "$ROOT" = 1 ] || { cannot not_root && return 1; }; }
needs_kernel() { [ "$CONTAINER" = 0 ] || { not_applicable container && return 1; }; }
needs_package() { package_state "$1" || { not_applicable "package:$1" && return 1; }; }
needs_mount() { mount_options "$1" || { not_applicable "mount:$1" && return 1; }; }

# --- running the checks -------------------------------------------------------------------------

# run_controls FIRST LAST SECONDS: controls by number, each told to have ended; a control during
# which time ran out is told as cut off, and the next ones get their time anew.
run_controls() {
    _next=$1
    while [ "$_next" -le "$2" ]; do
        _marks=$(_worker "$_next" "$2" "$3")
        _next=$((_next + ${#_marks}))
        [ "$_next" -le "$2" ] || break
        control_name "$_next"
        cannot time
        _next=$((_next + 1))
    done
}

# One dot on its output for each control that ended. When time runs out the worker is ended, and
# with it everything that it has begun.
_worker() {
    _me=$(exec sh -c 'echo "$PPID"')
    (
        _left=$3
        while [ "$_left" -gt 0 ]; do
            sleep 1
            _left=$((_left - 1))
        done
        kill -STOP "$_me"
        _self=$(exec sh -c 'echo "$PPID"')
        # shellcheck disable=SC2046
        kill -9 $(cat /proc/[0-9]*/status | awk -v top="$_me" -v self="$_self" '
            /^Pid:/ { pid = $2 } /^PPid:/ { up[pid] = $2 }
            END { for (one in up) {
                for (at = one; at in up && at != top && at != self; at = up[at]);
                if (at == top && one != top) print one } }')
        kill -9 "$_me"
    ) >/dev/null 2>&1 </dev/null 3>&- &
    _watch=$!
    _at=$1
    while [ "$_at" -le "$2" ]; do
        control_name "$_at"
        "check_$_at" >/dev/null 2>&1 </dev/null
        printf 'ran\t%s\n' "$_key" >&3
        printf .
        _at=$((_at + 1))
    done
    kill "$_watch"
}

# tell_host: what the answers are about.
tell_host() {
    field_of_os ID || value=unknown
    _id=$value
    field_of_os VERSION_ID || value=unknown
    printf 'host\t1\t%s\t%s\t%s\t%s\t%s\n' "$_id" "$value" "$FAMILY" "$CONTAINER" "$ROOT" >&3
}
