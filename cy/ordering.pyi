class StreamOrder:
    """What has arrived whole and waits for its turn, and whose turn it is."""

    bytes_held: int
    messages_held: int
    messages_behind: int
    begun: bool
    unordered_begun: bool
    stream_begun: int
    ssn_begun: int
    tsn_begun: int
