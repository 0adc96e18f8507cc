"""Which cases of the interpreter's test_socket are run with our class, and which are not, with the reason."""

CLASSES = [  # those about a stream socket
    "BasicTCPTest", "BasicTCPTest2", "TCPCloserTest", "NonBlockingTCPTests", "TCPTimeoutTest",
    "InterruptedSendTimeoutTest", "BufferIOTest", "ContextManagersTest", "InheritanceTest",
    "FileObjectClassTestCase", "UnbufferedFileObjectClassTestCase", "LineBufferedFileObjectClassTestCase",
    "SmallBufferedFileObjectClassTestCase", "UnicodeReadFileObjectClassTestCase",
    "UnicodeWriteFileObjectClassTestCase", "UnicodeReadWriteFileObjectClassTestCase",
    "NetworkConnectionNoServer", "NetworkConnectionAttributesTest", "NetworkConnectionBehaviourTest",
    "SendmsgTCPTest", "RecvmsgTCPTest", "RecvmsgIntoTCPTest",
    "SendmsgSCTPStreamTest", "RecvmsgSCTPStreamTest", "RecvmsgIntoSCTPStreamTest", "SendfileUsingSendTest",
]
GENERAL = [  # of GeneralModuleTests, whose others are about names, addresses and databases of the system
    "test_repr", "test_csocket_repr", "test_weakref", "testSockName", "test_getsockaddrarg", "testGetSockOpt",
    "testSetSockOpt", "testSendAfterClose", "testDefaultTimeout", "testSendtoErrors",
    "test_listen_backlog_overflow", "test_name_closed_socketio", "test_pickle", "test_sendall_interrupted",
    "test_sendall_interrupted_with_timeout", "test_dealloc_warn", "test_str_for_enums",
    "test_socket_consistent_sock_type", "test_unknown_socket_family_repr", "testCloseException",
    "testNewAttributes", "test_listen_backlog", "test_socket_close",
]

SIGNALS = "an exception of a signal handler goes to gevent's hub, which prints it and waits on"
O_NONBLOCK = "our descriptor is for waiting: its flag O_NONBLOCK says nothing of the socket"
DETACH = "it looks at a private attribute, and the program's descriptor has no messages"
LEFT_OUT = {
    "BasicTCPTest.testDetach": DETACH,
    "BasicTCPTest2.testDetach": DETACH,
    "NonBlockingTCPTests.testSetBlocking": O_NONBLOCK,
    "NonBlockingTCPTests.testSetBlocking_overflow": O_NONBLOCK,
    "TCPTimeoutTest.testInterruptedTimeout": SIGNALS,
    "InterruptedSendTimeoutTest.testInterruptedSendTimeout": SIGNALS,
    "InterruptedSendTimeoutTest.testInterruptedSendtoTimeout": SIGNALS,
    "InterruptedSendTimeoutTest.testInterruptedSendmsgTimeout": SIGNALS,
    "GeneralModuleTests.test_sendall_interrupted": SIGNALS,
    "GeneralModuleTests.test_sendall_interrupted_with_timeout": SIGNALS,
    "ContextManagersTest.testCreateConnectionClose": "SCTP has no messages without a byte: EINVAL",
    "UnbufferedFileObjectClassTestCase.testWriteNonBlocking": "a message of 16 MB is more than SO_SNDBUF",
    "NetworkConnectionBehaviourTest.testOutsideTimeout":
        "TCP still takes data when the peer has closed; SCTP's shutdown ends both directions",
    "SendfileUsingSendTest.testNonRegularFile": "there is no sendfile(2) to be given up",
    "GeneralModuleTests.testCloseException": "os.close() of our descriptor does not close the socket",
    "GeneralModuleTests.test_socket_close": "os.close() of our descriptor does not close the socket",
    "GeneralModuleTests.testNewAttributes": "it wants protocol 0",
    "GeneralModuleTests.test_repr": "it wants protocol 0",
    "GeneralModuleTests.test_listen_backlog": "listen(0) ends listening, as on Linux",
}
