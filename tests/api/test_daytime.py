"""The daytime demo: its calls, then the examples and the command as processes."""
import calendar
import re
import subprocess
import sys
import time

import processes

from pysctpsock.cli import free_udp_port
from pysctpsock.socket import (
    IPPROTO_SCTP,
    MSG_EOR,
    SCTP_STATUS,
    sctp_event_subscribe,
    sctp_initmsg,
    sctp_recvmsg,
    sctp_sendmsg,
    sctp_status,
)

DAYTIME = processes.ROOT / "examples" / "daytime"


def check_times(output, before):
    """(Local) and (GMT  ) lines that tell a time between `before` and now."""
    local = re.search(r"^\(Local\) (.+)$", output, re.MULTILINE)
    gmt = re.search(r"^\(GMT  \) (.+)$", output, re.MULTILINE)
    assert local, output
    assert gmt, output
    for told in (time.mktime(time.strptime(local[1])), calendar.timegm(time.strptime(gmt[1]))):
        assert int(before) <= told <= time.time(), output


def test_calls(sockets):
    """Cases 162, 163: the server's calls; the client has 5 streams each way, two messages, then the end."""
    init = sctp_initmsg(5, 5, 4)
    listener = sockets.listener(SCTP_INITMSG=init)
    client = sockets.connect(listener, SCTP_INITMSG=init, SCTP_EVENTS=sctp_event_subscribe(1))
    server = sockets.accept(listener)
    status = sctp_status.unpack(client.getsockopt(IPPROTO_SCTP, SCTP_STATUS, 176))
    assert (status.sstat_instrms, status.sstat_outstrms) == (5, 5)
    times = (b"local time", b"GMT")
    for stream, told in enumerate(times):
        assert sctp_sendmsg(server, told, stream_no=stream) == len(told)
    server.close()
    for stream, told in enumerate(times):
        data, _, info, flags = sctp_recvmsg(client, 1024)
        assert (data, info.sinfo_stream, flags) == (told, stream, MSG_EOR)
    assert sctp_recvmsg(client, 1024)[0] == b""


def test_examples():
    """Server and client as in C; three clients one after the other."""
    udp_port = free_udp_port()
    with processes.start([DAYTIME / "server.py"], udp_port) as server:
        try:
            processes.wait_for_udp_port(udp_port, server)
            for _ in range(3):
                before = time.time()
                client = processes.run([DAYTIME / "client.py"], udp_port)
                assert client.returncode == 0, client.stderr
                assert client.stderr == ""
                check_times(client.stdout, before)
                assert re.fullmatch(r"\(Local\) .+\n\n\n\(GMT  \) .+\n\n\n", client.stdout)
            assert server.poll() is None
        finally:
            server.terminate()


def test_client_without_server():
    """ICMP says at once that nobody is there."""
    client = processes.run([DAYTIME / "client.py"], free_udp_port())
    assert client.returncode == 1
    assert "ConnectionRefusedError" in client.stderr


def test_command():
    """`pysctpsock daytime`: the times, then the facts of the association; status 0."""
    before = time.time()
    done = processes.run(["-m", "pysctpsock", "daytime"], free_udp_port())
    assert (done.returncode, done.stderr) == (0, "")
    check_times(done.stdout, before)
    lines = dict(re.findall(r"^(association|streams|UDP ports|packets) +(.+)$", done.stdout, re.MULTILINE))
    assert re.fullmatch(r"127\.0\.0\.1:\d+ -> 127\.0\.0\.1:19000, SCTP ports", lines["association"])
    assert lines["streams"] == "5 in, 5 out"
    assert re.fullmatch(r"\d+ here, \d+ there", lines["UDP ports"])
    packets_in, packets_out = map(int, re.fullmatch(r"(\d+) in, (\d+) out", lines["packets"]).groups())
    assert 4 <= packets_in < 20  # INIT ACK, COOKIE ACK, DATA, SHUTDOWN
    assert 4 <= packets_out < 20


def test_command_several_times_side_by_side():
    """No port is fought for; --count asks again."""
    commands = [subprocess.Popen([sys.executable, "-m", "pysctpsock", "daytime", "--count", "2"], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for command in commands:
        output, errors = command.communicate(timeout=processes.PATIENCE)
        assert (command.returncode, errors) == (0, "")
        assert output.count("(Local)") == output.count("(GMT  )") == 2


def test_command_server_and_client():
    udp_port = free_udp_port()
    with processes.start(["-m", "pysctpsock", "daytime", "--server", "--count", "1"], udp_port) as server:
        assert server.stdout.readline() == "listening on SCTP port 19000\n"
        before = time.time()
        client = processes.run(["-m", "pysctpsock", "daytime", "--client", "localhost"], udp_port)
        assert (client.returncode, client.stderr) == (0, "")
        check_times(client.stdout, before)
        assert server.wait(processes.PATIENCE) == 0


def test_command_without_server():
    """Nobody at the UDP port, and nobody at the SCTP port of a host that is there, are told apart."""
    udp_port = free_udp_port()
    client = ["-m", "pysctpsock", "daytime", "--client", "127.0.0.1", "--port", "19123"]
    done = processes.run(client, udp_port)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"nobody is at UDP port {udp_port} of 127.0.0.1, where SCTP port 19123" in done.stderr
    with processes.start([DAYTIME / "server.py"], udp_port) as server:
        try:
            processes.wait_for_udp_port(udp_port, server)
            done = processes.run(client, udp_port)
            assert (done.returncode, done.stdout) == (1, "")
            assert (f"127.0.0.1 speaks SCTP at UDP port {udp_port}, and refused the association at SCTP port "
                    "19123") in done.stderr
        finally:
            server.terminate()
    done = processes.run([*client[:4], "no-such-host.invalid"], udp_port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("pysctpsock: no-such-host.invalid: ") and done.stderr.count("\n") == 1


def test_command_when_the_udp_port_is_taken():
    """A clear message, no traceback."""
    udp_port = free_udp_port()
    with processes.start([DAYTIME / "server.py"], udp_port) as server:
        try:
            processes.wait_for_udp_port(udp_port, server)
            done = processes.run(["-m", "pysctpsock", "daytime", "--server"], udp_port)
            assert done.returncode == 1
            assert re.fullmatch(r"pysctpsock: .*Address already in use.*UDP port \d+.*\n", done.stderr)
        finally:
            server.terminate()
