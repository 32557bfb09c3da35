#!/bin/sh
# The survey of hosts without Python: the same facts as the module host_survey, one pass, POSIX sh.
# Prints records TYPE<TAB>KEY<TAB>VALUE; data is made of them on the control host. Nothing that is
# read here is ever evaluated, and nothing is written.
set -u
LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

clean() { printf '%s' "$1" | tr -d '\000-\037\177'; }
put() { printf '%s\t%s\t%s\n' "$1" "$2" "$(clean "$3")"; }
maybe() { if [ -n "$3" ]; then put "$1" "$2" "$3"; else put null "$2" ''; fi; }
first() { if [ -r "$1" ]; then IFS= read -r line <"$1" || :; printf '%s' "${line:-}"; fi; }

os_release() {
  id='' version='' pretty=''
  file=/etc/os-release
  [ -r "$file" ] || file=/usr/lib/os-release
  if [ -r "$file" ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      value=${line#*=}
      case $value in
        \"*\") value=${value#\"} value=${value%\"} ;;
        \'*\') value=${value#\'} value=${value%\'} ;;
      esac
      case $line in
        ID=*) id=$value ;;
        VERSION_ID=*) version=$value ;;
        PRETTY_NAME=*) pretty=$value ;;
      esac
    done <"$file"
  fi
  [ -n "$pretty" ] || pretty=$(first /etc/redhat-release)
  maybe text os.id "$id"
  maybe text os.version_id "$version"
  maybe text os.pretty_name "$pretty"
}

machine() {
  put text kernel.release "$(uname -r)"
  put text kernel.machine "$(uname -m)"
  maybe text boot.id "$(first /proc/sys/kernel/random/boot_id)"
  uptime=$(first /proc/uptime)
  maybe int boot.uptime_seconds "${uptime%%.*}"
  count=0 model=''
  while IFS= read -r line; do
    case $line in
      processor*:*) count=$((count + 1)) ;;
      'model name'*:*) [ -n "$model" ] || model=${line#*: } ;;
    esac
  done </proc/cpuinfo
  put int cpu.count "$count"
  maybe text cpu.model "$model"
  # shellcheck disable=SC2046
  set -- $(first /proc/loadavg)
  put text cpu.load "${1:-} ${2:-} ${3:-}"
}

memory() {
  total='' available='' swap='' free=''
  while read -r name kib _; do
    case $name in
      MemTotal:) total=$((kib * 1024)) ;;
      MemAvailable:) available=$((kib * 1024)) ;;
      SwapTotal:) swap=$((kib * 1024)) ;;
      SwapFree:) free=$((kib * 1024)) ;;
    esac
  done </proc/meminfo
  maybe int memory.total_bytes "$total"
  maybe int memory.available_bytes "$available"
  maybe int memory.swap_total_bytes "$swap"
  maybe int memory.swap_free_bytes "$free"
}

percent() { if [ "$2" -gt 0 ]; then printf '%s' $((($1 * 100 + $2 - 1) / $2)); fi; }
cell() { if [ -n "$3" ]; then printf '\t%s\t%s\t%s' "$1" "$2" "$3"; else printf '\tnull\t%s\t' "$2"; fi; }

file_system() { # device mount type: as proc(5) writes them, with octal escapes
  # Octal escapes need their leading zero for %b, as POSIX has it.
  at=$(printf '%s' "$2" | sed 's/\\\([0-7]\)/\\0\1/g')
  at=$(printf '%b.' "$at")
  at=${at%.}
  size='' used='' full='' inodes=''
  case $3 in
    nfs | nfs4 | cifs | ceph | glusterfs) ;;
    *)
      [ -d "$at" ] || return 0
      figures=$(stat -f -c '%S %b %f %a %c %d' -- "$at" 2>/dev/null) || return 0
      # shellcheck disable=SC2086
      set -- "$1" "$2" "$3" $figures
      used=$(($5 - $6))
      full=$(percent "$used" $((used + $7)))
      size=$(($5 * $4)) used=$((used * $4))
      inodes=$(percent $(($8 - $9)) "$8")
      ;;
  esac
  printf 'row\tfile_systems'
  cell path mount "$2"
  cell path device "$1"
  cell text type "$3"
  cell int size_bytes "$size"
  cell int used_bytes "$used"
  cell int used_percent "$full"
  cell int inodes_used_percent "$inodes"
  printf '\n'
}

file_systems() {
  printf 'list\tfile_systems\n'
  # A place mounted twice shows what was mounted last.
  awk '{ if ($2 in line) delete order[at[$2]]; at[$2] = NR; order[NR] = $2; line[$2] = $0 }
       END { for (i = 1; i <= NR; i++) if (i in order) print line[order[i]] }' /proc/self/mounts |
    while read -r device mount type _; do
      case $type in
        btrfs | ext2 | ext3 | ext4 | f2fs | jfs | overlay | reiserfs | vfat | xfs | zfs | \
          nfs | nfs4 | cifs | ceph | glusterfs) file_system "$device" "$mount" "$type" ;;
      esac
    done
}

sockets() {
  printf 'list\tsockets\n'
  for table in tcp:0A tcp6:0A udp:07 udp6:07; do
    protocol=${table%:*}
    [ -r "/proc/net/$protocol" ] || continue
    while read -r _ here _ state _; do
      [ "$state" = "${table#*:}" ] || continue
      printf 'row\tsockets\ttext\tprotocol\t%.3s\tinet\taddress\t%s\thex\tport\t%s\n' \
        "$protocol" "${here%:*}" "${here#*:}"
    done <"/proc/net/$protocol"
  done | awk '!seen[$0]++'
}

failed_units() {
  if units=$(systemctl list-units --failed --plain --no-legend --no-pager 2>/dev/null); then
    printf 'list\tfailed_units\n'
    printf '%s\n' "$units" | while read -r unit _; do
      [ -z "$unit" ] || put item failed_units "$unit"
    done
  else
    put null failed_units ''
  fi
}

clock() {
  put int time.epoch "$(date +%s)"
  zone=$(readlink /etc/localtime 2>/dev/null) || zone=''
  case $zone in
    *zoneinfo/*) zone=${zone#*zoneinfo/} ;;
    *) zone=$(first /etc/timezone) ;;
  esac
  maybe text time.zone "$zone"
  case $(timedatectl show -p NTPSynchronized --value 2>/dev/null) in
    yes) put bool time.synchronised true ;;
    no) put bool time.synchronised false ;;
    *) put null time.synchronised '' ;;
  esac
}

reboot_pending() {
  if [ -e /run/reboot-required ]; then
    put bool reboot_pending true
  elif [ -e /etc/debian_version ]; then
    put bool reboot_pending false
  elif command -v needs-restarting >/dev/null 2>&1; then
    needs-restarting -r >/dev/null 2>&1
    case $? in
      0) put bool reboot_pending false ;;
      1) put bool reboot_pending true ;;
      *) put null reboot_pending '' ;;
    esac
  else
    put null reboot_pending ''
  fi
}

if [ ! -d /proc/self ]; then
  echo '/proc is not mounted, so this host cannot be surveyed' >&2
  exit 1
fi
put int schema 1
os_release
machine
memory
file_systems
sockets
failed_units
clock
reboot_pending
put null python ''
