"""Assertions that several tests share."""


def _key(reason):
    return reason.lower().removeprefix("drop_")


def dropped(endpoint, reason):
    """How many packets or chunks the endpoint discarded for this DropReason ("bad_tag", "DROP_BAD_TAG")."""
    counts = {_key(name): count for name, count in endpoint.drops.items()}
    return counts.get(_key(reason), 0)


def assert_dropped(endpoint, reason, count=1):
    """The endpoint counted this drop reason `count` times, and no other."""
    others = {
        name: number for name, number in endpoint.drops.items() if number and _key(name) != _key(reason)
    }
    assert (dropped(endpoint, reason), others) == (count, {}), f"{reason} is not {count}: {endpoint.drops}"


def assert_nothing_dropped(endpoint):
    counts = {name: count for name, count in endpoint.drops.items() if count}
    assert not counts, counts


def assert_same_messages(received, sent, context=""):
    """Equal lists of payloads, with a short message if not."""
    if received == sent:
        return
    first = next(
        (i for i, (r, s) in enumerate(zip(received, sent, strict=False)) if r != s),
        min(len(received), len(sent)),
    )
    raise AssertionError(
        f"{context}: {len(received)} received, {len(sent)} sent, first difference at {first}: "
        f"{[m[:16] for m in received[first : first + 2]]}, not {[m[:16] for m in sent[first : first + 2]]}"
    )
