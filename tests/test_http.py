"""The HTTP/1.1 plane, byte by byte: what clients and targets see of it."""

import json
import re
import socket
import time

import pytest
from conftest import Connection, fixed, get, wait_for

GET = b"GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n"
DATE = rb"Date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"


def page(status, phrase, connection="keep-alive", location=None):
    """The whole response of the load balancer itself, as a pattern."""
    title = f"{status} {phrase}".encode()
    body = (b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n"
            b"</body>\r\n</html>\r\n" % (title, title))
    head = (rb"HTTP/1.1 %b\r\nServer: awselb/2.0\r\n%b\r\nContent-Type: text/html\r\n"
            rb"Content-Length: %d\r\nConnection: %b\r\n" % (
                re.escape(title), DATE, len(body), connection.encode()))
    if location:
        head += rb"Location: %b\r\n" % re.escape(location.encode())
    return re.compile(head + rb"\r\n" + re.escape(body), re.S)


def echo(handler, target, body):
    """Tells what arrived, and over which connection."""
    seen = {"fields": handler.headers.items(), "port": handler.client_address[1],
            "line": handler.requestline, "body": body.decode("latin-1")}
    handler.say(200, json.dumps(seen).encode())


@pytest.fixture
def site(shared, targets):
    return shared.site(targets("echo", echo))


@pytest.fixture(scope="module")
def still(shared):
    """A listener that answers by itself."""
    made = shared.site()
    made.answer(fixed("still"))
    return made


# --- connections ---


def test_a_connection_is_kept_and_its_target_connection_too(site):
    with site.open() as client:
        ports = set()
        for _ in range(5):
            client.send(GET)
            answer = client.message()
            assert answer.status == 200 and answer.one("connection") != "close"
            ports.add(json.loads(answer.body)["port"])
    assert len(ports) == 1


def test_connection_close_is_honoured(site):
    with site.open() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert client.message().one("connection") == "close"
        assert client.rest() == b""


def test_http_1_0_closes_and_gets_a_host(site):
    with site.open() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        answer = client.message()
        fields = dict(json.loads(answer.body)["fields"])
        assert client.rest() == b""
    name = site.world.elb.describe_load_balancers(LoadBalancerArns=[site.lb])
    assert fields["Host"] == name["LoadBalancers"][0]["DNSName"].lower()


def test_pipelined_requests_are_answered_in_order(site):
    with site.open() as client:
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(20)))
        lines = [json.loads(client.message().body)["line"] for _ in range(20)]
    assert lines == [f"GET /{n} HTTP/1.1" for n in range(20)]


def test_pipelined_requests_with_bodies_and_own_answers(shared, targets):
    site = shared.site(targets("echo", echo))
    site.rule(1, [fixed("own")], path_pattern=["/own"])
    with site.open() as client:
        client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst"
                    b"GET /own HTTP/1.1\r\nHost: a\r\n\r\n"
                    b"POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"6\r\nsecond\r\n0\r\n\r\n"
                    b"GET /own HTTP/1.1\r\nHost: a\r\n\r\n")
        assert json.loads(client.message().body)["body"] == "first"
        assert client.message().body == b"own"
        assert client.message().status == 200
        assert client.message().body == b"own"


def test_heads_that_arrive_byte_by_byte(site):
    with site.open() as client:
        for byte in GET:
            client.send(bytes([byte]))
        assert client.message().status == 200


# --- bodies ---


def test_chunked_both_ways(shared, raw_target):
    def script(connection, _):
        while request := connection.message():
            assert request.one("content-length") is None
            half = len(request.body) // 2
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for part in (request.body[:half], request.body[half:]):
                connection.send(b"%x;ext=1\r\n%b\r\n" % (len(part), part))
            connection.send(b"0\r\nX-Trailer: t\r\n\r\n")

    site = shared.site(raw_target(script))
    with site.open() as client:
        for size in (10, 70_000):
            body = bytes(range(256)) * (size // 256 + 1)
            client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for start in range(0, len(body), 1000):
                part = body[start:start + 1000]
                client.send(b"%X\r\n%b\r\n" % (len(part), part))
            client.send(b"0\r\n\r\n")
            answer = client.message()
            assert answer.one("transfer-encoding") == "chunked"
            assert answer.body == body


def test_broken_chunks_never_look_complete(shared, raw_target):
    seen = []

    def script(connection, _):
        try:
            seen.append(connection.message())
        except EOFError:
            seen.append(None)

    site = shared.site(raw_target(script))
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    for broken in (b"zz\r\n", b"5\r\nhelloXX", b"5\nhello\r\n", b"ffffffffffffffffff\r\n"):
        with site.open() as client:
            client.send(head + b"3\r\nabc\r\n" + broken)
            answer = client.rest()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), (broken, answer)
    assert not any(seen)


def test_a_body_until_close_is_passed_on(shared, raw_target):
    def script(connection, _):
        connection.message()
        connection.send(b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nuntil the end")

    site = shared.site(raw_target(script))
    with site.open() as client:
        client.send(GET)
        answer = client.message()
        assert answer.status == 200
        assert (answer.body or client.rest()) == b"until the end"


def test_head_has_the_length_but_no_body(site, still):
    for where in (site, still):
        with where.open() as client:
            for _ in range(2):
                client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
                answer = client.message(bodyless=True)
                assert answer.status == 200 and int(answer.one("content-length")) > 0
            client.send(GET)
            assert client.message().body


def test_answers_without_a_body(shared, raw_target):
    def script(connection, _):
        while request := connection.message():
            status = request.start.split("/")[1].split(" ")[0]
            connection.send(f"HTTP/1.1 {status} X\r\nETag: 1\r\n\r\n".encode())

    site = shared.site(raw_target(script))
    with site.open() as client:
        for status in (204, 304, 204):
            client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % status)
            assert client.message(bodyless=True).status == status


def test_expect_100_continue_is_answered_here(site):
    with site.open() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue"
        client.send(b"body")
        seen = json.loads(client.message().body)
    assert seen["body"] == "body"
    assert "expect" not in [name.lower() for name, _ in seen["fields"]]


def test_1xx_of_the_target_comes_before_the_answer(shared, raw_target):
    def script(connection, _):
        connection.message()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    site = shared.site(raw_target(script))
    with site.open() as client:
        client.send(GET)
        answer = client.message(bodyless=True)
        if answer.status == 103:
            answer = client.message()
        assert answer.status == 200


# --- framing that can be read in two ways ---


def test_both_length_and_coding_leave_with_one_framing(shared, raw_target):
    seen = []

    def script(connection, _):
        request = connection.message()
        seen.append(request)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        seen.append(connection.rest())

    site = shared.site(raw_target(script))
    with site.open() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + GET)
        assert client.message().body == b"ok"
        assert client.rest() == b"", "the client's connection is closed after an ambiguous request"
    request = seen[0]
    assert request.body == b"hello"
    assert len(request.all("content-length")) + len(request.all("transfer-encoding")) == 1


def test_equal_lengths_leave_as_one(shared, raw_target):
    seen = []

    def script(connection, _):
        seen.append(connection.message())
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    site = shared.site(raw_target(script))
    with site.open() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello")
        assert client.message().body == b"ok"
        assert client.rest() == b""
    assert seen[0].body == b"hello" and seen[0].all("content-length") == ["5"]


SEVERE = {
    "different lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "list of lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,5\r\n\r\nhello",
    "signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
    "length beyond 64 bits": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
    "unknown coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "CR in a header": b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n",
    "bad method": b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "bad version": b"GET / HTTQ/1.1\r\nHost: a\r\n\r\n",
    "no request at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("what", SEVERE)
def test_severe_requests_get_400_and_close(still, what):
    answer = still.ask(SEVERE[what])
    assert page(400, "Bad Request", "close").fullmatch(answer), answer


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"gzip, chunked"])
def test_codings_that_are_not_supported_get_501(still, coding):
    answer = still.ask(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: %b\r\n\r\n" % coding)
    assert page(501, "Not Implemented", "close").fullmatch(answer), answer


def test_bare_line_feeds_are_acceptable(still):
    with still.open() as client:
        client.send(b"GET / HTTP/1.1\nHost: a\n\n")
        assert client.message().body == b"still"


def test_a_smuggled_request_is_not_seen(shared, targets):
    """What looks like a second request to one reading must not reach the target as one."""
    target = targets("t")
    site = shared.site(target)
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    site.ask(b"POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n"
             b"\r\n0\r\n\r\n%b" % (len(smuggled) + 5, smuggled))
    site.ask(b"POST /two HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\nContent-Length: 3\r\n"
             b"\r\n0\r\n\r\n" + smuggled)
    site.ask(b"GET /three HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (
        len(smuggled), smuggled))
    assert "/smuggled" not in [path for _, path, _, _ in target.requests]


# --- limits ---


def test_limits_of_the_head(still):
    def status(data):
        with still.open() as client:
            client.send(data)
            return client.message().status

    line = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"
    rest = len(b"GET / HTTP/1.1")
    assert status(line % (b"x" * (16 * 1024 - rest))) == 200
    assert status(line % (b"x" * (16 * 1024 - rest + 1))) == 414
    field = b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n"
    assert status(field % (b"x" * (16 * 1024 - 4))) == 200
    assert status(field % (b"x" * (16 * 1024 + 1))) == 400
    many = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(
        b"X-%d: %b\r\n" % (n, b"y" * 10_000) for n in range(6))
    assert status(many + b"\r\n") == 200
    assert status(many + b"X-6: %b\r\n\r\n" % (b"y" * 10_000)) == 400


def test_more_than_thirty_forwarded_addresses_get_463(still):
    def status(count):
        addresses = ", ".join(["10.0.0.1"] * count)
        return get(still.address, X_Forwarded_For=addresses)

    assert status(30)[0] == 200
    code, _, body = status(31)
    assert (code, len(body)) == (463, 98)


def test_trace_is_not_allowed(still):
    with still.open() as client:
        client.send(b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.message()
        assert answer.status == 405 and answer.start == "HTTP/1.1 405 Not Allowed"
        client.send(GET)
        assert client.message().status == 200


def test_connect_is_not_allowed(still):
    with still.open() as client:
        client.send(b"CONNECT a.example.com:443 HTTP/1.1\r\nHost: a.example.com:443\r\n\r\n")
        assert client.message().status == 405


def test_http_1_1_without_a_host_gets_400(still):
    answer = still.ask(b"GET / HTTP/1.1\r\n\r\n")
    assert page(400, "Bad Request", "close").fullmatch(answer), answer


def test_a_body_that_is_cut_is_not_complete_at_the_target(shared, raw_target):
    ends = []

    def script(connection, _):
        try:
            ends.append(connection.message())
        except EOFError as end:
            ends.append(end)

    site = shared.site(raw_target(script))
    with site.open() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        client.stream.shutdown(socket.SHUT_WR)
        # With the request in flight, the end of the client's side may count as its departure.
        answer = client.rest()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), answer
    assert all(isinstance(end, EOFError) for end in ends)


def test_a_client_that_does_not_read_is_let_go(shared, raw_target):
    gone = []

    def script(connection, _):
        connection.message()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                connection.send(b"x" * 65536)
        except OSError:
            gone.append(time.monotonic())

    site = shared.site(raw_target(script))
    site.lb_attributes(idle_timeout__timeout_seconds=1)
    with site.open() as client:
        client.send(GET)
        client.more()
        wait_for(lambda: gone, "the target is told", 10)


def test_http_2_on_this_port_gets_505(still):
    answer = still.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 505 HTTP Version Not Supported\r\n"), answer


def test_a_response_head_over_32k_is_502(shared, raw_target):
    def script(connection, _):
        connection.message()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
        for number in range(5):
            connection.send(b"X-%d: %b\r\n" % (number, b"y" * 8000))
        connection.send(b"\r\n")

    assert shared.site(raw_target(script)).get()[0] == 502


# --- the load balancer's own answers, byte for byte ---


def closing(site):
    return site.ask(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))


def test_the_page_of_503(shared):
    site = shared.site()
    with site.open() as client:
        client.send(GET + b"BAD\r\n\r\n")
        both = client.rest()
    first = page(503, "Service Temporarily Unavailable")
    assert first.match(both), both
    assert page(400, "Bad Request", "close").fullmatch(both[first.match(both).end():])
    assert page(503, "Service Temporarily Unavailable", "close").fullmatch(closing(site))


def test_the_page_of_502(shared, targets, raw_target):
    refusing = targets("refusing")
    refusing.close()
    site = shared.site(refusing)
    with site.open() as client:
        client.send(GET + b"BAD\r\n\r\n")
        assert page(502, "Bad Gateway").match(client.rest())
    for garbage in (b"", b"HELLO\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"):
        site = shared.site(raw_target(lambda c, _, g=garbage: (c.message(), c.send(g))))
        assert site.get()[0] == 502, garbage


def test_the_page_of_504_and_the_timers(shared, raw_target):
    release = []

    def script(connection, _):
        connection.message()
        release.append(connection.rest())

    site = shared.site(raw_target(script))
    site.lb_attributes(idle_timeout__timeout_seconds=1)
    began = time.monotonic()
    with site.open() as client:
        client.send(GET)
        answer = client.message()
        took = time.monotonic() - began
    assert answer.start == "HTTP/1.1 504 Gateway Time-out"
    assert 0.9 <= took < 3, took
    assert [name for name, _ in answer.fields] == [
        "Server", "Date", "Content-Type", "Content-Length", "Connection"]
    assert len(answer.body) == 132


def test_idle_clients_are_let_go(shared):
    site = shared.site()
    site.answer(fixed("x"))
    site.lb_attributes(idle_timeout__timeout_seconds=1)
    with site.open() as idle, site.open() as partial, site.open() as body, site.open() as kept:
        began = time.monotonic()
        partial.send(b"GET / HTTP/1.1\r\nHo")
        kept.send(GET)
        assert kept.message().body == b"x"
        site.answer({"Type": "forward", "TargetGroupArn": site.group})
        assert idle.rest() == b""
        assert kept.rest() == b""
        assert partial.rest().startswith(b"HTTP/1.1 408 Request Time-out\r\n")
        assert 0.8 < time.monotonic() - began < 4
        body.stream.close()


def test_a_body_that_stops_gets_408(shared, raw_target):
    site = shared.site(raw_target(lambda connection, _: connection.rest()))
    site.lb_attributes(idle_timeout__timeout_seconds=1)
    answer = site.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
    assert answer.startswith(b"HTTP/1.1 408 Request Time-out\r\n"), answer


def test_the_wire_form_of_a_redirect(shared):
    site = shared.site()
    site.answer({"Type": "redirect", "RedirectConfig": {
        "Protocol": "HTTPS", "Port": "443", "Host": "new.#{host}", "Path": "/a/#{path}",
        "Query": "p=#{port}&#{query}", "StatusCode": "HTTP_302"}})
    with site.open() as client:
        client.send(b"GET /x/y?q=1 HTTP/1.1\r\nHost: App.Example.com\r\nConnection: close\r\n\r\n")
        answer = client.rest()
    location = "https://new.app.example.com:443/a/x/y?p=80&q=1"
    assert page(302, "Found", "close", location).fullmatch(answer), answer


def test_a_location_over_8k_is_507(shared):
    site = shared.site()
    site.answer({"Type": "redirect", "RedirectConfig": {
        "Host": "other.example.com", "StatusCode": "HTTP_301"}})
    assert site.get("/" + "x" * 8_100)[0] == 301
    assert site.get("/" + "x" * 8_200)[0] == 507


def test_the_wire_form_of_a_fixed_response(shared):
    site = shared.site()
    site.answer(fixed('{"a":1}', "418", ContentType="application/json"))
    with site.open() as client:
        client.send(GET)
        answer = client.message()
    assert answer.start.startswith("HTTP/1.1 418")
    assert answer.one("server") == "awselb/2.0" and answer.body == b'{"a":1}'
    assert answer.one("content-type") == "application/json; charset=utf-8"
    assert answer.one("content-length") == "7"
    site.answer({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "204"}})
    with site.open() as client:
        client.send(GET + GET)
        assert client.message(bodyless=True).status == 204
        assert client.message(bodyless=True).status == 204


# --- rules ---


def test_rules_by_host_and_path_in_order_of_priority(shared):
    site = shared.site()
    site.answer(fixed("default"))
    site.rule(30, [fixed("wild")], host_header=["*.example.com"])
    site.rule(20, [fixed("both")], host_header=["app.example.com"], path_pattern=["/Img/*.p?g"])
    site.rule(40, [fixed("path")], path_pattern=["/Img/*"])

    def ask(host, path):
        return site.get(path, Host=host)[2].decode()

    assert ask("APP.example.COM:80", "/Img/a/b.png?x=1") == "both"
    assert ask("app.example.com", "/img/b.png") == "wild", "paths are case-sensitive"
    assert ask("example.com", "/") == "default"
    assert ask("other.net", "/Img/") == "path"
    assert ask("other.net", "/Img") == "default"


def test_rules_by_regular_expression(shared):
    site = shared.site()
    site.answer(fixed("default"))
    shared.elb.create_rule(ListenerArn=site.listener, Priority=1, Actions=[fixed("regex")], Conditions=[
        {"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/v[0-9]+/(chat|embed)$"]}}])
    answers = [site.get(path)[2] for path in ("/v1/chat", "/v12/embed?x=1", "/v1/chat/", "/v/chat")]
    assert answers == [b"regex", b"regex", b"default", b"default"]


def test_rules_by_every_other_condition(shared):
    site = shared.site()
    site.answer(fixed("default"))
    create = shared.elb.create_rule
    for priority, (name, condition) in enumerate({
        "header": {"Field": "http-header", "HttpHeaderConfig": {
            "HttpHeaderName": "X-Model", "Values": ["llama-*"]}},
        "method": {"Field": "http-request-method", "HttpRequestMethodConfig": {
            "Values": ["PUT", "PURGE"]}},
        "query": {"Field": "query-string", "QueryStringConfig": {
            "Values": [{"Key": "version", "Value": "v?"}, {"Value": "beta"}]}},
        "source": {"Field": "source-ip", "SourceIpConfig": {"Values": ["127.77.0.0/16"]}},
    }.items(), 1):
        create(ListenerArn=site.listener, Priority=priority, Conditions=[condition],
               Actions=[fixed(name)])

    def ask(path="/", method="GET", **headers):
        return site.get(path, method=method, **headers)[2].decode()

    assert ask() == "default"
    assert ask(X_Model="LLAMA-70b") == "header" and ask(X_Model="gpt") == "default"
    assert ask(method="PURGE") == "method" and ask(method="POST") == "default"
    assert ask("/?VERSION=V2") == "query" and ask("/?version=v22") == "default"
    assert ask("/?x=beta") == "query" and ask("/beta") == "default"
    with socket.create_connection((site.address, 80), 5, ("127.77.1.2", 0)) as stream:
        connection = Connection(stream)
        connection.send(GET)
        assert connection.message().body == b"source"
    # What the client says of itself is not its address.
    assert ask(X_Forwarded_For="127.77.1.2") == "default"


# --- what targets see ---


def seen_by(site, head):
    with site.open() as client:
        client.send(head)
        return json.loads(client.message().body)["fields"]


def value(fields, name):
    found = [v for n, v in fields if n == name]
    return found[0] if len(found) == 1 else found


def test_forwarding_headers(site):
    fields = seen_by(site, GET)
    assert value(fields, "X-Forwarded-For") == "127.0.0.1"
    assert value(fields, "X-Forwarded-Proto") == "http"
    assert value(fields, "X-Forwarded-Port") == "80"
    spoofed = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\n\r\n"
    fields = seen_by(site, spoofed)
    assert value(fields, "X-Forwarded-Proto") == "http"
    assert value(fields, "X-Forwarded-Port") == "80"


def test_modes_of_x_forwarded_for(site):
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.1.1, 10.2.2.2\r\n\r\n"
    key = "routing__http__xff_header_processing__mode"
    for mode, expected in (("append", "10.1.1.1, 10.2.2.2, 127.0.0.1"),
                           ("preserve", "10.1.1.1, 10.2.2.2"), ("remove", [])):
        site.lb_attributes(**{key: mode})
        assert value(seen_by(site, head), "X-Forwarded-For") == expected
    site.lb_attributes(**{key: "append", "routing__http__xff_client_port__enabled": "true"})
    with site.open() as client:
        own = client.stream.getsockname()[1]
        client.send(GET)
        fields = json.loads(client.message().body)["fields"]
    assert value(fields, "X-Forwarded-For") == f"127.0.0.1:{own}"


def test_host(site):
    fields = seen_by(site, b"GET / HTTP/1.1\r\nHost: App.Example.com:80\r\n\r\n")
    assert value(fields, "Host") == "app.example.com"
    fields = seen_by(site, b"GET http://Uri.example.com/p HTTP/1.1\r\nHost: other\r\n\r\n")
    assert value(fields, "Host") == "uri.example.com"
    site.lb_attributes(routing__http__preserve_host_header__enabled="true")
    fields = seen_by(site, b"GET / HTTP/1.1\r\nHost: App.Example.com:80\r\n\r\n")
    assert value(fields, "Host") == "App.Example.com:80"


def test_trace_ids(site):
    fresh = r"1-[0-9a-f]{8}-[0-9a-f]{24}"
    assert re.fullmatch(f"Root={fresh}", value(seen_by(site, GET), "X-Amzn-Trace-Id"))

    def with_id(incoming):
        head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Amzn-Trace-Id: %b\r\n\r\n" % incoming
        return value(seen_by(site, head), "X-Amzn-Trace-Id")

    root = "Root=1-67891233-abcdef012345678912345678"
    assert re.fullmatch(f"Self={fresh};{root};CalledFrom=app", with_id(f"{root};CalledFrom=app".encode()))
    replaced = with_id(f"Self=1-67891233-000000000000000000000000;{root}".encode())
    assert re.fullmatch(f"Self={fresh};{root}", replaced)


def test_hop_by_hop_fields_end_here(site):
    fields = seen_by(site, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Drop\r\n"
                           b"Keep-Alive: timeout=5\r\nX-Keep: 1\r\nX_Under: 2\r\n\r\n")
    names = [name.lower() for name, _ in fields]
    assert "keep-alive" not in names
    assert "x-keep" in names and "x_under" in names


def test_invalid_header_names_can_be_dropped(site):
    site.lb_attributes(routing__http__drop_invalid_header_fields__enabled="true")
    fields = seen_by(site, b"GET / HTTP/1.1\r\nHost: a\r\nX_Under: 2\r\nX-Ok: 1\r\n\r\n")
    names = [name.lower() for name, _ in fields]
    assert "x-ok" in names and "x_under" not in names


def test_an_upgrade_is_not_performed(site):
    fields = seen_by(site, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                           b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n")
    assert "upgrade" not in [name.lower() for name, _ in fields]


def test_response_headers_of_the_listener(site):
    site.world.elb.modify_listener_attributes(ListenerArn=site.listener, Attributes=[
        {"Key": "routing.http.response.server.enabled", "Value": "false"},
        {"Key": "routing.http.response.x_frame_options.header_value", "Value": "DENY"}])
    _, headers, _ = site.get()
    assert headers["X-Frame-Options"] == "DENY"
    site.answer(fixed("x"))
    _, headers, _ = site.get()
    assert headers["X-Frame-Options"] == "DENY" and "Server" not in headers


# --- retries ---


def test_a_refused_connection_is_tried_on_another_target(shared, targets):
    dead = targets("dead")
    dead.close()
    site = shared.site(dead, targets("alive"))
    for _ in range(6):
        assert site.get(method="POST", body=b"x")[2] == b"alive"


def test_a_kept_connection_that_died_is_replaced(shared, raw_target):
    def script(connection, number):
        connection.message()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % (number % 10))
        # Then gone without a word, while the load balancer keeps it for reuse.

    site = shared.site(raw_target(script))
    with site.open() as client:
        for _ in range(5):
            client.send(GET)
            assert client.message().status == 200


def test_both_zones_answer_and_know_their_own_listeners(shared, targets):
    site = shared.site(targets("both"))
    first, second = shared.addresses(site.lb)
    assert (get(first)[2], get(second)[2]) == (b"both", b"both")
    with pytest.raises(OSError):
        socket.create_connection((first, 81), 2)


def test_connection_can_be_used_from_other_sources(still):
    with socket.create_connection((still.address, 80), 5, ("127.9.9.9", 0)) as stream:
        connection = Connection(stream)
        connection.send(GET)
        assert connection.message().body == b"still"
