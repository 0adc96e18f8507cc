"""The compiled core of pysctpsock: SCTP without I/O, then the engine and the carriers."""
