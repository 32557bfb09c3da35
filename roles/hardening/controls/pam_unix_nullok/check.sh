# shellcheck shell=sh disable=SC2154
for _type in auth password; do
    pam_files "$_type"
    for _file in $value; do
        pam_args "$_file" "$_type" pam_unix.so || { cannot "no_pam_unix:$_file"; continue; }
        case " $value " in *' nullok '* | *' nullok_secure '*) see effective nullok yes "$_file" ;; *) see effective nullok no "$_file" ;; esac
    done
done
