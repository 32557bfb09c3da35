# shellcheck shell=sh disable=SC2034  # the names are for those who source it
# Sourced by app and app-burst: one counter for the numbers, one lock for whoever appends.
log=/var/log/app/app.log
counter=/var/lib/app/counter
host=$(hostname)
exec 9>>/var/lib/app/lock

take_turn() {
    flock 9
    last=0
    read -r last 2>/dev/null <"$counter" || :
}

give_turn() {
    # Not truncated first: the number only grows, so a kill leaves the old one or the new one.
    printf '%s\n' "$last" 1<>"$counter"
    flock -u 9
}
