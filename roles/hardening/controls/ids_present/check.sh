# shellcheck shell=sh
agents_running fail2ban-server \
    wazuh-agentd \
    ossec-agentd \
    ossec-execd \
    suricata \
    snort \
    crowdsec \
    samhain \
    falco \
    titanagent \
    AliYunDun \
    YDService \
    hostguard \
    edr_agent
