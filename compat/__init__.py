"""Drop-in replacements for other SCTP interfaces: pysctp's module, lksctp's C names.  None is here yet."""
