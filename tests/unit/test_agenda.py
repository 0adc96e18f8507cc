"""cy/agenda: deadlines against a sorted model, and the queue of senders."""
from hypothesis import given
from hypothesis import strategies as st

from pysctpsock._cy.agenda import Agenda, Schedulable

NEVER = (1 << 63) - 1


def test_empty():
    agenda = Agenda()
    assert agenda.earliest() is None
    assert agenda.pop_due(NEVER) is None
    assert agenda.pop_sender() is None


def test_in_order_and_not_before_time():
    agenda = Agenda()
    items = [Schedulable() for _ in range(50)]
    for i, item in enumerate(items):
        agenda.put(item, (i * 37) % 50)
    assert agenda.earliest() == 0
    for now in range(50):
        assert agenda.pop_due(now) is items[(now * 23) % 50]         # 37 * 23 = 1 (mod 50)
        assert agenda.pop_due(now) is None


def test_a_later_deadline_leaves_the_entry():
    """Lazy: who is restarted later comes up in its old place, and is put again then."""
    agenda, item = Agenda(), Schedulable()
    agenda.put(item, 10)
    agenda.put(item, 20)
    assert agenda.earliest() == 10
    assert agenda.pop_due(10) is item
    agenda.put(item, 20)
    assert agenda.earliest() == 20


def test_an_earlier_deadline_moves_it():
    agenda, first, second = Agenda(), Schedulable(), Schedulable()
    agenda.put(first, 10)
    agenda.put(second, 20)
    agenda.put(second, 5)
    assert len(agenda) == 2
    assert agenda.pop_due(5) is second


def test_never_is_no_entry():
    agenda, item = Agenda(), Schedulable()
    agenda.put(item, NEVER)
    assert len(agenda) == 0
    assert agenda.earliest() is None


def test_forget():
    agenda, items = Agenda(), [Schedulable() for _ in range(5)]
    for item in items:
        agenda.put(item, 7)
    for item in (*items[1:], items[1]):                  # twice is no matter
        agenda.drop(item)
    assert agenda.pop_due(7) is items[0]
    agenda.put(items[1], 3)
    assert agenda.pop_due(3) is items[1]


@given(st.lists(st.tuples(st.sampled_from(["put", "put", "put", "forget", "take"]), st.integers(0, 12),
                          st.integers(0, 100)), max_size=200))
def test_against_a_sorted_model(operations):
    agenda, items, model = Agenda(), [Schedulable() for _ in range(13)], {}
    for verb, index, number in operations:
        if verb == "put":
            agenda.put(items[index], number)
            model[index] = min(number, model.get(index, number))
        elif verb == "forget":
            agenda.drop(items[index])
            model.pop(index, None)
        else:
            item = agenda.pop_due(number)
            if not model or min(model.values()) > number:
                assert item is None
            else:
                due = model.pop(items.index(item))
                assert due == min([due, *model.values()])
        assert len(agenda) == len(model)
        assert agenda.earliest() == min(model.values(), default=None)


def test_senders_in_the_order_of_asking_and_once():
    agenda, items = Agenda(), [Schedulable() for _ in range(3)]
    for index in (2, 0, 2, 1, 0):
        agenda.enqueue(items[index])
    assert [items.index(agenda.pop_sender()) for _ in range(3)] == [2, 0, 1]
    assert agenda.pop_sender() is None
    agenda.enqueue(items[1])                             # asks anew
    assert agenda.pop_sender() is items[1]
