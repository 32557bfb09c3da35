# shellcheck shell=sh
packages_named systemd-journal-remote
unit_on systemd-journal-upload.service
systemd_tell journal-upload Upload URL url
systemd_tell journal-upload Upload ServerKeyFile server_key_file
systemd_tell journal-upload Upload ServerCertificateFile server_certificate_file
systemd_tell journal-upload Upload TrustedCertificateFile trusted_certificate_file
systemd_tell journald Journal ForwardToSyslog forward
