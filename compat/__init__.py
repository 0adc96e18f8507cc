"""Drop-in replacements for other SCTP interfaces (pysctp, lksctp names); none yet."""
