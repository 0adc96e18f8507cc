class StreamOrder:
    """What has arrived whole and waits for its turn, and whose turn it is."""

    bytes_held: int
    messages_held: int
