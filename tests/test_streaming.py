"""Bodies pass through as they come: no added delay, no memory for what nobody reads."""

import hashlib
import re
import socket
import threading
import time

import pytest
from conftest import Connection, get, say, wait_for


def rss(weir):
    with open(f"/proc/{weir.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def test_server_sent_events_come_one_by_one(shared, raw_target):
    """Each event is read by the client before the target sends the next one."""
    turn, delays = threading.Semaphore(0), []

    def script(connection, _):
        connection.message()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n")
        for number in range(200):
            data = b"data: %d\n\n" % number
            delays.append(time.monotonic())
            connection.send(b"%x\r\n%b\r\n" % (len(data), data))
            assert turn.acquire(timeout=10), "the client never saw the event"
        connection.send(b"0\r\n\r\n")

    site = shared.site(raw_target(script))
    with site.open() as client:
        client.send(b"GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n")
        assert client.message(bodyless=True).one("content-type") == "text/event-stream"
        for number in range(200):
            size = int(client.until(b"\r\n"), 16)
            assert client.exactly(size) == b"data: %d\n\n" % number
            delays[number] = time.monotonic() - delays[number]
            assert client.exactly(2) == b"\r\n"
            turn.release()
        assert client.until(b"\r\n") == b"0"
    delays.sort()
    say(f"SSE through the proxy: p50 {delays[100] * 1e6:.0f} us, p99 {delays[197] * 1e6:.0f} us")
    assert delays[100] < 0.05


def test_the_first_byte_does_not_wait_for_the_last(shared, raw_target):
    """Also uploads stream: the target reads the first part before the client sends the second."""
    got = threading.Event()

    def script(connection, _):
        connection.until(b"\r\n\r\n")
        assert connection.exactly(5) == b"first"
        got.set()
        assert connection.exactly(6) == b"second"
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    site = shared.site(raw_target(script))
    with site.open() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nfirst")
        assert got.wait(5)
        client.send(b"second")
        assert client.message().body == b"ok"


def test_16_kib_up_64_kib_down(shared, targets):
    down = bytes(range(256)) * 256

    def handle(handler, target, body):
        handler.say(200, down, X_Digest=hashlib.sha256(body).hexdigest())

    site = shared.site(targets("t", handle))
    up = bytes(reversed(range(256))) * 64
    digest = hashlib.sha256(up).hexdigest()
    with site.open() as client:
        for _ in range(50):
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(up) + up)
            answer = client.message()
            assert answer.one("x-digest") == digest and answer.body == down


def test_many_clients_at_once(shared, targets):
    site = shared.site(targets("a"), targets("b"))
    failures = []

    def work(number):
        try:
            with site.open() as client:
                for _ in range(20):
                    client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
                    assert client.message().body in (b"a", b"b")
        except Exception as failure:  # Collected, so that no thread fails unseen.
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures, failures[:3]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_slow_reader_does_not_fill_memory(shared, shared_weir, raw_target, chunked):
    """200 MB for a client that reads nothing for a while: the target is held back."""
    total, sent = 200_000_000, [0]
    block = b"z" * 100_000

    def script(connection, _):
        connection.message()
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % total
        connection.send(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing)
        while sent[0] < total:
            connection.send(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            sent[0] += len(block)
        if chunked:
            connection.send(b"0\r\n\r\n")

    site = shared.site(raw_target(script))
    before = rss(shared_weir)
    with site.open() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.message(bodyless=True).status == 200
        stalled(sent)
        held = sent[0]
        grown = rss(shared_weir) - before
        say(f"slow reader: the target was held at {held >> 20} MiB, RSS {grown:+} KiB")
        assert held < 40_000_000 and grown < 8_000
        got = len(client.data)
        client.data = b""
        while got < total:
            part = client.stream.recv(1 << 20)
            assert part
            got += len(part)
    assert rss(shared_weir) - before < 16_000


def stalled(counter):
    """Waits until a counter stands still: the buffers of the kernel are full."""
    last = [-1, time.monotonic()]

    def still():
        if counter[0] != last[0]:
            last[:] = counter[0], time.monotonic()
        return time.monotonic() - last[1] > 0.3

    wait_for(still, "back-pressure", 20)


def test_a_slow_target_does_not_fill_memory(shared, shared_weir, raw_target):
    """The same for uploads."""
    go = threading.Event()

    def script(connection, _):
        connection.until(b"\r\n\r\n")
        go.wait(20)
        left = total - len(connection.data)
        while left:
            left -= len(connection.stream.recv(min(left, 1 << 20)))
        connection.data = b""
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    total, sent = 100_000_000, [0]
    site = shared.site(raw_target(script))
    before = rss(shared_weir)
    with site.open() as client:
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % total)

        def upload():
            block = b"u" * 100_000
            while sent[0] < total:
                client.send(block)
                sent[0] += len(block)

        thread = threading.Thread(target=upload)
        thread.start()
        stalled(sent)
        grown = rss(shared_weir) - before
        say(f"slow target: the client was held at {sent[0] >> 20} MiB, RSS {grown:+} KiB")
        assert sent[0] < 40_000_000 and grown < 8_000
        go.set()
        assert client.message().body == b"ok"
        thread.join(10)


def test_a_target_that_answers_early(shared, raw_target):
    """The answer is relayed although the request's body has not ended."""
    def script(connection, _):
        connection.until(b"\r\n\r\n")
        connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")

    site = shared.site(raw_target(script))
    with site.open() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        answer = client.message()
        assert (answer.status, answer.body) == (413, b"big")


def test_idle_connections_are_cheap(shared, shared_weir, targets):
    """What an idle kept-alive connection costs, printed; the bound is for a debug build."""
    site, count = shared.site(targets("t")), 400
    before = rss(shared_weir)
    streams = []
    for _ in range(count):
        stream = Connection(socket.create_connection((site.address, 80), 5))
        stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert stream.message().status == 200
        streams.append(stream)
    each = (rss(shared_weir) - before) / count
    say(f"{count} idle connections: {each:.2f} KiB each (promise in release: 1.5)")
    for stream in streams:
        stream.stream.close()
    assert each < 16
    assert get(site.address)[0] == 200
