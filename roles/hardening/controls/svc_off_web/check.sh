# shellcheck shell=sh
packages_present apache2 nginx nginx-light nginx-core nginx-full nginx-extras httpd lighttpd
units_running apache2.service nginx.service httpd.service lighttpd.service
