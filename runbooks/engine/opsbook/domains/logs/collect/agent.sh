# shellcheck shell=sh disable=SC2086,SC2046,SC2154  # requests and answers are split into words on purpose
# What opsbook runs on a host to read its logs: POSIX sh, coreutils or busybox, no Python.
# Reads one request per line, answers on standard output, writes nothing on the host.
# Names of files are only ever values: expanded from a pattern once, then called by number.
# CHUNK and LONG_LINE stand before it, as opsbook knows them.
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
set -f
exec 9<&0 8>&1 </dev/null

NL='
'

say() { printf '%s\n' "$*"; }
has() { command -v "$1" >/dev/null 2>&1; }
packs() { has "$1" && "$1" -1 -c </dev/null >/dev/null 2>&1; } # there, and it runs

# pack LENGTH: compress standard input; without a compressor, exactly LENGTH bytes (zeros after
# the end), so that the reader always knows where an answer ends.
if packs zstd; then packer=zstd; pack() { zstd -1 -q --check -c 2>/dev/null; }
elif packs gzip; then packer=gzip; pack() { gzip -1 -c 2>/dev/null; }
else packer=none; pack() { { cat; head -c "$1" /dev/zero; } 2>/dev/null | head -c "$1"; }
fi

# slice START LENGTH: bytes of descriptor 3, read from a fresh position.
if [ "$(printf abcd | dd bs=4 iflag=fullblock count=1 2>/dev/null)" = abcd ] &&
    dd if=/dev/null iflag=skip_bytes,count_bytes skip=0 count=0 2>/dev/null; then
    slice() {
        dd if=/dev/fd/3 bs=262144 iflag=skip_bytes,count_bytes skip="$1" count="$2" 2>/dev/null
    }
else
    slice() { tail -c "+$(($1 + 1))" /dev/fd/3 2>/dev/null | head -c "$2"; }
fi

unpack() {
    case $1 in
    gz) gzip -dc </dev/fd/3 ;;
    xz) xz -dc </dev/fd/3 ;;
    zst) zstd -dcq </dev/fd/3 ;;
    bz2) bzip2 -dc </dev/fd/3 ;;
    esac 2>/dev/null
}

# part KIND START LENGTH: bytes of the content, unpacked where KIND is not plain.
part() {
    if [ "$1" = plain ]; then slice "$2" "$3"
    else unpack "$1" | tail -c "+$(($2 + 1))" | head -c "$3"
    fi
}

hello() {
    boot=-
    [ -r /proc/sys/kernel/random/boot_id ] && read -r boot </proc/sys/kernel/random/boot_id
    tools=-
    for tool in gzip xz zstd bzip2 sha256sum journalctl; do
        has "$tool" && tools=$tools,$tool
    done
    [ "$(printf '/\0' | xargs -0 stat -c %n 2>/dev/null)" = / ] && tools=$tools,stat
    say "opsbook $1 $(date +%s) $boot $packer $tools"
}

# entries FOLLOW SKIP NAME...: every name, then what stat says of each, then of what links mean.
entries() {
    follow=$1
    shift "$2"
    shift 2
    say "glob $#"
    [ $# -eq 0 ] && return
    printf '%s\0' "$@"
    printf '%s\0' "$@" | xargs -0 stat -c '%n//%d %i %s %Y %Z %f' 2>/dev/null
    printf '\0'
    [ "$follow" = 1 ] &&
        printf '%s\0' "$@" | xargs -0 stat -L -c '%n//%d %i %s %Y %Z %f' 2>/dev/null
    printf '\0'
}

# is_it: descriptor 3 is the file that the survey saw; sets now: its size, mtime and ctime.
is_it() {
    facts=$(stat -L -c '%d %i %s %Y %Z' /dev/fd/3 2>/dev/null) || return 1
    case $facts in "$device $inode "*) ;; *) return 1 ;; esac
    facts=${facts#* }
    now=${facts#* }
}

# whole_lines START END: sets end before the last line when that is unfinished.
whole_lines() {
    end=$2
    [ "$end" -le "$1" ] && return
    [ "$(slice $((end - 1)) 1 2>/dev/null; printf .)" = "$NL." ] && return
    window=$((end - $1))
    [ "$window" -gt "$LONG_LINE" ] && window=$LONG_LINE
    open=$(slice $((end - window)) "$window" | tail -n 1 | wc -c)
    open=$((open))
    [ "$open" -ge "$LONG_LINE" ] || end=$((end - open))
}

peek() { # KIND START LENGTH [START LENGTH ...]: one packed answer with all windows
    kind=$1
    shift
    say ok
    total=0
    for number in "$@"; do last=$number total=$((total + last)); done
    while [ $# -gt 1 ]; do
        part "$kind" "$1" "$2"
        shift 2
    done | pack "$total"
}

digest() { # KIND START LENGTH
    sum=$(part "$1" "$2" "$3" | sha256sum 2>/dev/null) || sum=-
    say "ok ${sum%% *}"
}

total() { # KIND: how long the unpacked content is, and how the unpacking ended
    say ok $({ { unpack "$1"; printf ' s%s ' $? >&4; } | wc -c; } 4>&1)
}

chunks() { # KIND START END: every CHUNK of the content packed by itself
    at=$2
    [ "$at" -ge "$3" ] && return
    if [ "$1" = plain ]; then
        while [ "$at" -lt "$3" ]; do
            some=$(($3 - at))
            [ "$some" -gt "$CHUNK" ] && some=$CHUNK
            slice "$at" "$some" | pack "$some"
            at=$((at + some))
        done
    else
        unpack "$1" | tail -c "+$((at + 1))" | while [ "$at" -lt "$3" ]; do
            some=$(($3 - at))
            if [ "$some" -gt "$CHUNK" ]; then
                some=$CHUNK
                dd bs=65536 count=256 iflag=fullblock 2>/dev/null | pack "$some"
            else
                head -c "$some" | pack "$some"
            fi
            at=$((at + some))
        done
    fi
}

collect() { # KIND START END MODE HEAD BEFORE: announce, send, then show what is there now
    kind=$1 start=$2 end=$3
    [ "$4" = lines ] && whole_lines "$start" "$end"
    say "ok $start $end"
    chunks "$kind" "$start" "$end"
    is_it || { say gone; return; }
    if [ "$kind" != plain ]; then say "end $now 0"; return; fi
    last=$((end - start))
    [ "$last" -gt 4096 ] && last=4096
    windows=$(($5 + $6 + last))
    say "end $now $windows"
    [ "$windows" -eq 0 ] && return
    { slice 0 "$5"; slice $((start - $6)) "$6"; slice $((end - last)) "$last"; } | pack "$windows"
}

# with_file VERB INDEX DEVICE INODE ARGUMENT...: check that what was opened is what was seen.
with_file() {
    verb=$1 device=$3 inode=$4 served=
    shift 4
    if [ -f "$path" ]; then
        if [ ! -r "$path" ]; then say denied; return; fi
        { if is_it; then served=1; "$verb" "$@"; fi; } 3<"$path"
    fi
    [ "$served" ] || say gone
}

journal() { # CURSOR COUNT: COUNT units follow, one per line
    cursor=$1 count=$2
    set --
    while [ "$count" -gt 0 ] && IFS= read -r unit <&9; do
        set -- "$@" -u "$unit"
        count=$((count - 1))
    done
    has journalctl || { say missing; return; }
    kept=-
    if [ "$cursor" != - ]; then
        kept=$(journalctl -q --no-pager -n 1 -o short --cursor="$cursor" --show-cursor "$@" \
            2>/dev/null | sed -n 's/^-- cursor: //p')
        # Without the entry itself, "after" would skip the first one that is left.
        if [ "$kept" = "$cursor" ]; then kept=yes; set -- --after-cursor="$cursor" "$@"
        else kept=no; set -- --cursor="$cursor" "$@"
        fi
    fi
    say "ok $kept"
    new=$(exec 7>&1
        { journalctl -q --no-pager --utc -o short-iso-precise --show-cursor "$@" 2>/dev/null
          printf 'status %s\n' $? >&7; } |
            sed -e '/^-- cursor: /w /proc/self/fd/7' -e '/^-- cursor: /d' | pack 0 >&8)
    status=${new#*status } shown=${new#*cursor: }
    [ "$shown" = "$new" ] && shown=-
    say "end ${status%%"$NL"*} ${shown%%"$NL"*}"
}

run() { # the whole output of the command on the next line
    IFS= read -r text <&9
    say ok
    status=$(exec 7>&1
        { sh -c "$text" 9<&- 8>&- 7>&- 2>/dev/null; printf '%s' $? >&7; } | pack 0 >&8)
    say "end $status"
}

set --
while IFS= read -r request <&9; do
    verb=${request%% *} rest=${request#* }
    case $verb in
    hello) hello "$rest" ;;
    glob)
        follow=${rest%% *} pattern=${rest#* } known=$#
        IFS='' && set +f
        set -- "$@" $pattern
        set -f && unset IFS
        entries "$follow" "$known" "$@"
        ;;
    forget) set -- ;;
    peek | digest | total | collect)
        number=${rest%% *} path=
        case $number in
        '' | *[!0-9]*) ;;
        *) eval "path=\${$number}" ;;
        esac
        with_file "$verb" $rest
        ;;
    journal) journal $rest ;;
    run) run ;;
    bye) exit 0 ;;
    esac
done
