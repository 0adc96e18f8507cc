"""Certificates for tests of TLS, made as they run: none is in the tree, where it would expire."""
import ssl

import pytest


def contexts(name="localhost"):
    """(context of a server called `name`, context of a client that trusts its authority)."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(server)
    authority.configure_trust(client)
    return server, client
