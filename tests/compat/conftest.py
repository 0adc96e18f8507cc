"""Tests of the compatibility modules: listeners at a UDP port of their own."""
from udp_relay import free_udp_port

import pysctpsock

pysctpsock.configure(udp_port=free_udp_port())
