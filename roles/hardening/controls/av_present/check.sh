# shellcheck shell=sh
agents_running clamd \
    freshclam \
    clamonacc \
    qaxsafed \
    qaxtray \
    360entclient \
    360safed \
    hipsdaemon \
    rav \
    edr_agent \
    titanagent \
    AliYunDun \
    YDService \
    hostguard \
    cbdefense \
    falcon-sensor \
    mfetpd \
    ds_agent \
    sav-protect
