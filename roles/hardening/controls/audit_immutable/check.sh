# shellcheck shell=sh disable=SC2154
value=$(contents /etc/audit/rules.d/*.rules | awk '$1 == "-e" { v = $2 } END { print v }')
if [ -n "$value" ]; then see configured enabled "$value"; else none configured enabled; fi
value=$(limited auditctl -s 2>/dev/null | awk '$1 == "enabled" { print $2 }')
if [ -n "$value" ]; then see effective enabled "$value"; else cannot no_tool:auditctl; fi
