"""Tests of the host library, on a temporary tree and with systemd played by a fake."""
