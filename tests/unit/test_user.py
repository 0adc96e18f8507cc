"""cy/user: the SCTP user of RFC 9260 section 11, its readiness and its notifications."""
import gc
import sys

from pysctpsock._cy.user import Ready, ReadyList, SctpUser

ASSOC_CHANGE, SENDER_DRY = 0x8001, 0x8009


def drain(ready_list):
    found = []
    while (user := ready_list.take()) is not None:
        found.append((user, user.ready))
        user.ready = 0
    return found


def test_nobody_is_ready():
    assert ReadyList().take() is None


def test_flags_gather_and_the_order_stays():
    """A user stands in the list once, in the place of its first event."""
    ready_list = ReadyList()
    users = [SctpUser(ready_list) for _ in range(3)]
    users[2].raise_flags(Ready.READABLE)
    users[0].raise_flags(Ready.WRITABLE)
    users[2].raise_flags(Ready.ENDED)
    users[1].raise_flags(Ready.ACCEPTABLE)
    assert drain(ready_list) == [(users[2], Ready.READABLE | Ready.ENDED), (users[0], Ready.WRITABLE),
                                 (users[1], Ready.ACCEPTABLE)]
    users[2].raise_flags(Ready.CONNECTED)                # enters anew
    assert drain(ready_list) == [(users[2], Ready.CONNECTED)]


def test_who_becomes_ready_while_others_are_taken():
    ready_list = ReadyList()
    first, second = SctpUser(ready_list), SctpUser(ready_list)
    first.raise_flags(Ready.READABLE)
    assert ready_list.take() is first
    second.raise_flags(Ready.READABLE)
    first.raise_flags(Ready.READABLE)
    assert [ready_list.take(), ready_list.take(), ready_list.take()] == [second, first, None]


def test_notifications_are_read():
    """Whether one is wanted the association knows (RFC 6458 section 6.2.2)."""
    user = SctpUser(ReadyList())
    user.push_notification(SENDER_DRY, None, (3,))
    assert user.ready == Ready.READABLE
    assert user.read(0)[:2] == (SENDER_DRY, (3,))
    assert user.read(0) is None


def test_notifications_hold_their_association_until_read():
    user, association = SctpUser(ReadyList()), type("Association", (), {})()
    start = sys.getrefcount(association)
    user.push_notification(ASSOC_CHANGE, association, ())
    assert sys.getrefcount(association) == start + 1
    record = user.read(0)
    assert record[7] is association
    del record
    assert sys.getrefcount(association) == start


def test_a_user_that_goes_leaves_nothing():
    """The ready list lets go of whom it gave out."""
    ready_list = ReadyList()
    user = SctpUser(ready_list)
    user.raise_flags(Ready.READABLE)
    start = sys.getrefcount(user)
    ready_list.take()
    gc.collect()
    assert sys.getrefcount(user) == start - 2            # head and tail
