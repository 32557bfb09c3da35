#!/bin/sh
# Starts the virtual machine of one lab host; supervise.sh runs it where a container would be.
#
#   vm.sh HOST_DIRECTORY QEMU...
#
# Its disk is made once, from the root that supervise.sh mounted: GRUB, and one ext4 partition
# behind the first MiB. The guest says its boot id on its second serial port, from where it gets to
# the place that a container writes it to.
set -eu
directory=$1
shift
root=$directory/root disk=$directory/disk told=$directory/told
sectors=8386560 # of 512 bytes: 4 GiB without the first MiB
filesystem="$disk?offset=1048576"

number() { # VALUE: four bytes, the lowest first
    for shift in 0 8 16 24; do
        # shellcheck disable=SC2059  # the format is the byte
        printf "\\$(printf %03o $(($1 >> shift & 255)))"
    done
}

at() { # SECTOR: standard input to there
    dd of="$disk.part" bs=512 seek="$1" conv=notrunc status=none
}

make_disk() {
    rm -f "$disk.part"
    truncate -s $(((sectors + 2048) * 512)) "$disk.part"
    # Features that every GRUB can read, whatever the habits of the mke2fs of the day.
    mke2fs -q -t ext4 -b 4096 -m 1 -d "$root" -E offset=1048576,root_owner=0:0 \
        -O none,has_journal,ext_attr,dir_index,filetype,extent,flex_bg,sparse_super,large_file \
        "$disk.part" $((sectors / 8))
    {
        head -c 446 "$root/boot/grub/i386-pc/boot.img"
        # One partition: active, without cylinders, Linux; three empty ones; the mark.
        printf '\200\376\377\377\203\376\377\377'
        number 2048
        number $sectors
        head -c 48 /dev/zero
        printf '\125\252'
    } | at 0
    at 1 <"$root/boot/grub/i386-pc/core.img"
    mv "$disk.part" "$disk"
}

renew() { # FILE...: the disk has these as the host's directory has them
    for file in "$@"; do
        inside=${file#"$directory/upper"}
        [ "$(debugfs -R "cat $inside" "$filesystem" 2>/dev/null)" != "$(cat "$file")" ] || continue
        e2fsck -p "$filesystem" >/dev/null || [ $? -le 1 ]
        printf 'rm %s\nwrite %s %s\n' "$inside" "$file" "$inside" |
            debugfs -w -f - "$filesystem" >/dev/null 2>&1
    done
}

listen() {
    while read -r boot; do
        boot=$(printf %s "$boot" | tr -cd '0-9a-f-')
        if [ -n "$boot" ]; then
            echo "$boot" >"$root/var/lib/lab/booted.part"
            mv "$root/var/lib/lab/booted.part" "$root/var/lib/lab/booted"
        else
            rm -f "$root/var/lib/lab/booted"
        fi
    done <"$told"
}

[ -e "$disk" ] || make_disk
renew "$directory"/upper/etc/systemd/network/*
rm -f "$told"
mkfifo -m 600 "$told"
listen &
exec "$@"
