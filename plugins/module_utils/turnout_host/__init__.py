"""The host library: releases, slots, splits and the switch, on one host.

Standard library only. Provision installs it as ``/usr/local/lib/turnout/host.pyz``:
Ansible's actions ask it for the phases of a deploy, Fabric for status and
rollback, and the host itself at boot and from its timers.

Each call is a new process, so what most calls load is kept small: values are named tuples
(``dataclasses`` brings ``inspect`` along, a seventh of a call), and what few need is imported
where they need it.
"""
