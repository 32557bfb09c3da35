# shellcheck shell=sh disable=SC2154
_said=$(limited apt-config dump APT::Get::AllowUnauthenticated Acquire::AllowInsecureRepositories 2>/dev/null)
for _name in unauthenticated:APT::Get::AllowUnauthenticated insecure:Acquire::AllowInsecureRepositories; do
    value=false
    case $_said in
    *"${_name#*:} "*) value=${_said##*"${_name#*:} \""} && value=${value%%\"*} ;;
    esac
    see effective "${_name%%:*}" "${value:-false}"
done
