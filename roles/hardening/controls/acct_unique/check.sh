# shellcheck shell=sh
tell effective duplicates "$(awk -F: '
    FILENAME == "/etc/group" { if (n[$1]++) print "group", $1; if (g[$3]++) print "gid", $3; next }
    { if (u[$1]++) print "user", $1; if (i[$3]++) print "uid", $3; if (!($4 in g)) print "no-such-gid", $4 }
' /etc/group /etc/passwd 2>/dev/null)"
