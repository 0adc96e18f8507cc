"""Drop-in replacements for other SCTP interfaces: lksctp's C names; pysctp's module is not here yet."""
