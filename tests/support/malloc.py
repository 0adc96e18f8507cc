"""How much memory of malloc's is in use, by glibc's own count: not what has ever been resident."""
import ctypes
import gc


class Mallinfo(ctypes.Structure):
    """What mallinfo2(3) gives: `uordblks` and `hblkhd` are the bytes in use."""

    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
        "keepcost")]


def bytes_in_use():
    """All garbage gone; 0 under a sanitizer, whose malloc says nothing of itself."""
    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Mallinfo
    info = mallinfo()
    return info.uordblks + info.hblkhd
