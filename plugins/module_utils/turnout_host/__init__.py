"""The host library: releases, slots, splits and the switch, on one host.

Standard library only. Ansible's modules call it over SSH, and provision
installs it as ``/usr/local/lib/turnout/host.pyz`` for everything that must
not wait for Ansible: status, rollback, boot and the host's own timers.
"""
