"""Other SCTP interfaces, and TCP's: lksctp's C names, pysctp's module, streams of programs that nobody
edits."""
