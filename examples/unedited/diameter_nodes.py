"""Accounting between two nodes of the package `python-diameter`, which speaks SCTP by pysctp."""
import sys
from socket import AF_INET

import sctp
from diameter.message import constants
from diameter.message.commands.accounting import AccountingRequest
from diameter.node import Node
from diameter.node.application import SimpleThreadingApplication

HOST, REALM = "127.0.0.1", "example.net"
SERVER, CLIENT = "server.example.net", "client.example.net"


def answer(application, request):
    """Repeat the number of the record."""
    reply = application.generate_answer(request, constants.E_RESULT_CODE_DIAMETER_SUCCESS)
    reply.accounting_record_number = request.accounting_record_number
    return reply


def run(name, peer_name, port, handler=None, **listen):
    """A started node with one application and one peer."""
    node = Node(name, REALM, ip_addresses=[HOST], **listen)
    peer = node.add_peer(f"aaa://{peer_name}:{port};transport=sctp", REALM, ip_addresses=[HOST],
                         is_persistent=not listen)
    application = SimpleThreadingApplication(constants.APP_DIAMETER_BASE_ACCOUNTING, is_acct_application=True,
                                             request_handler=handler)
    node.add_application(application, [peer])
    node.start()
    return node, application


if sys.argv[1] == "serve":
    with sctp.sctpsocket_tcp(AF_INET).sock() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    run(SERVER, CLIENT, port, answer, sctp_port=port)
    print(port, flush=True)
else:
    node, application = run(CLIENT, SERVER, sys.argv[2])
    application.wait_for_ready()
    for number in range(3):
        request = AccountingRequest()
        request.session_id = node.session_generator.next_id()
        request.origin_host, request.origin_realm = CLIENT.encode(), REALM.encode()
        request.destination_realm = REALM.encode()
        request.accounting_record_type = constants.E_ACCOUNTING_RECORD_TYPE_EVENT_RECORD
        request.accounting_record_number = number
        reply = application.send_request(request, timeout=30)
        print("record", reply.accounting_record_number, "answered", reply.result_code)
    node.stop()
