"""Imported by the process from which the others are forked: warms up, and stays warm."""

from _worker import warm_up

took = warm_up()
