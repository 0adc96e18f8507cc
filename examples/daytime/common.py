"""What the daytime server and client have in common (the header of "Better networking with SCTP", IBM 2006)."""
import time

MAX_BUFFER = 1024
MY_PORT_NUM = 19000
LOCALTIME_STREAM = 0
GMT_STREAM = 1


def ctime(seconds: float) -> str:
    """As C's ctime(): local time, with a newline."""
    return time.ctime(seconds) + "\n"


def asctime(moment: time.struct_time) -> str:
    """As C's asctime(), with a newline."""
    return time.asctime(moment) + "\n"
