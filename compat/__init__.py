"""Drop-in replacements for other SCTP interfaces (pysctp, lksctp names); see DESIGN in docs."""
