# shellcheck shell=sh disable=SC2154
has openssl || { cannot no_tool:openssl && return 0; }
_today=$(date +%s)
_there=0
for _dir in /etc/nginx /etc/apache2 /etc/httpd /etc/haproxy /etc/postfix /etc/dovecot /etc/letsencrypt/live \
    /etc/pki/tls/certs /etc/pki/nginx /etc/ssl/private /usr/local/nginx/conf; do
    [ -d "$_dir" ] || continue
    IFS=$NL
    set -f
    for _file in $(find -L "$_dir" -maxdepth 4 -type f \( -name '*.crt' -o -name '*.pem' -o -name '*.cer' \) \
        ! -name 'ca-bundle*' ! -name 'chain*' 2>/dev/null | head -n 200); do
        _end=$(limited openssl x509 -noout -enddate -in "$_file" 2>/dev/null) || continue
        _end=$(date -d "${_end#*=}" +%s 2>/dev/null) || { cannot no_tool:date && continue; }
        see effective days_left $(((_end - _today) / 86400)) "$_file" && _there=1
    done
    set +f
    IFS=$USUAL
done
[ "$_there" = 1 ] || none effective days_left
