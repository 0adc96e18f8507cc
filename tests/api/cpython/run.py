"""Run cases of the interpreter's own test_socket with our class, in a process of their own.

    python run.py class[.method] ...

Prints one line of JSON: {case: null if it passed or was skipped, else what went wrong}.  The resolver is the
system's, and the guard thread runs before: the cases count threads.
"""
import _thread
import faulthandler
import json
import os
import sys
import time
import unittest

os.environ["GEVENT_RESOLVER"] = "block"
sys.path.insert(0, os.path.dirname(__file__))

import facade

LIMIT = 240  # seconds


class Result(unittest.TestResult):
    """Keeps the text of what went wrong."""

    def __init__(self):
        super().__init__()
        self.outcome = {}

    def startTest(self, test):
        super().startTest(test)
        self.outcome[name_of(test)] = None

    def addError(self, test, err):
        self.outcome[name_of(test)] = self._exc_info_to_string(err, test)

    addFailure = addError


def name_of(test):
    return ".".join(test.id().split(".")[-2:])


def main(names):
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    tests = facade.load()
    suite = unittest.defaultTestLoader.loadTestsFromNames(names, tests)
    with facade.ours.socket(proto=facade.ours.IPPROTO_SCTP) as running:
        running.bind(("127.0.0.1", 0))
        running.listen()
        while not _thread._count():
            time.sleep(0.001)
        result = Result()
        suite.run(result)
    print(json.dumps(result.outcome))


if __name__ == "__main__":
    main(sys.argv[1:])
