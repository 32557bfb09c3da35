# shellcheck shell=sh
if [ ! -r /etc/passwd ] || [ ! -r /etc/group ]; then
    cannot unreadable:/etc/passwd
    return 0
fi
tell effective duplicates "$({ contents /etc/group; echo; contents /etc/passwd; } | awk -F: '
    $0 == "" && !users { users = 1; next }
    !users { if (n[$1]++) print "group", $1; if (g[$3]++) print "gid", $3; next }
    NF > 3 { if (u[$1]++) print "user", $1; if (i[$3]++) print "uid", $3; if (!($4 in g)) print "no-such-gid", $4 }')"
