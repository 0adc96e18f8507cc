"""Benchmarks: pysctpsock beside libusrsctp.  Run `python -m benchmarks` or `python benchmarks/run.py`."""
