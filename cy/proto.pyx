"""Numbers of the RFCs, visible to Python (see proto.pxd)."""
