# shellcheck shell=sh disable=SC2154
value=$(contents /etc/security/limits.conf /etc/security/limits.d/*.conf |
    awk '$1 == "*" && ($2 == "hard" || $2 == "-") && $3 == "core" { v = $4 } END { print v }')
if [ -n "$value" ]; then see configured core "$value"; else none configured core; fi
