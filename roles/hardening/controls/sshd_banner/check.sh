# shellcheck shell=sh disable=SC2154
sshd_option banner
text_of /etc/issue.net
_banner=$text
if [ -n "$_banner" ]; then see effective text yes; else see effective text no; fi
field_of_os PRETTY_NAME || value=Debian
case $_banner in
*\\[mrsv]* | *"$value"* | *Debian* | *Ubuntu* | *Kernel*) see effective tells "$_banner" /etc/issue.net ;;
*) none effective tells ;;
esac
