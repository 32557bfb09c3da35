# shellcheck shell=sh disable=SC2154
pam_files password
for _file in $value; do
    pam_args "$_file" password pam_unix.so || { cannot "no_pam_unix:$_file"; continue; }
    _hash=des
    for _word in $value; do
        case $_word in yescrypt | gost_yescrypt | sha512 | sha256 | blowfish | md5 | bigcrypt) _hash=$_word ;; esac
    done
    see effective hash "$_hash" "$_file"
done
