"""The longest timer that a client meets has a minimum of a minute: it runs while other tests do.

The name puts this file at the end of the run; the connection is opened at its beginning.
"""

import time


def test_client_keep_alive_ends_after_one_more_request(elder):
    """After its time a connection is good for one more request, answered with `close`."""
    site, connection, opened = elder
    # A kept connection is used now and then, so that the idle timeout does not matter.
    while time.monotonic() - opened < 61:
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = connection.message()
        assert answer.body == b"old" and answer.one("connection") != "close"
        time.sleep(min(5, max(0.1, 61 - (time.monotonic() - opened))))
    connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = connection.message()
    assert answer.body == b"old" and answer.one("connection") == "close"
    assert connection.rest() == b""
