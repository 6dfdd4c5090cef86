"""Benchmarks: each module compares two things in one run and gives one Result, which is printed as one JSON line."""
