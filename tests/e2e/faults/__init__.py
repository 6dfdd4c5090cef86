"""Faults that the server survives: real deaths, real disks, real clocks, each at an exact moment."""
