"""Access logs and metrics: what happened is on record, once per request."""

import gzip
import json
import pathlib
import re
import shlex
import urllib.request

import pytest
from conftest import Weir, World, fixed, get, wait_for

GET = b"GET /%b HTTP/1.1\r\nHost: log.example.com\r\nUser-Agent: quote\"d agent\r\n\r\n"


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """Makes one of each kind of request with logs on, stops, and reads the objects."""
    from conftest import Target

    home = tmp_path_factory.mktemp("logged")
    weir = Weir(home / "data").start()
    world = World(weir)
    target = Target("target")
    site = world.site(target)
    site.lb_attributes(access_logs__s3__enabled="true", access_logs__s3__bucket="my-logs",
                       access_logs__s3__prefix="team/edge")
    world.healthy(site.group, 1)
    site.rule(5, [fixed("own", "404")], path_pattern=["/own*"])
    site.rule(6, [{"Type": "redirect", "RedirectConfig": {
        "Host": "other.example.com", "StatusCode": "HTTP_301"}}], path_pattern=["/move"])
    with site.open() as client:
        for path in (b"forwarded?a=b%20c", b"own", b"move"):
            client.send(GET % path)
            assert client.message().status in (200, 404, 301)
    assert b"400 Bad Request" in site.ask(b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n")
    get(site.address, "/upload", method="POST", body=b"x" * 1000)
    ambiguous = b"GET /ambiguous HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    site.ask(ambiguous)
    quiet = world.site(target)
    get(quiet.address)
    text = metrics(weir)
    weir.stop()
    target.close()
    root = home / "data" / "s3" / "my-logs"
    found = sorted(root.rglob("*.gz"))
    lines = [line for path in found for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    return dict(site=site, weir=weir, target=target, paths=found, root=root, lines=lines, metrics=text,
                others=[p for p in (home / "data" / "s3").rglob("*.gz") if p not in found])


def metrics(weir):
    with urllib.request.urlopen(weir.endpoint + "/metrics") as page:
        assert page.headers["Content-Type"].startswith("text/plain")
        return page.read().decode()


def fields(line):
    return shlex.split(line)


def test_objects_lie_where_s3_would_have_them(logged):
    assert logged["paths"], list(logged["root"].rglob("*"))
    account = logged["weir"].env and re.search(r":(\d{12}):", logged["site"].lb).group(1)
    name, identity = logged["site"].lb.split("/")[-2:]
    pattern = (rf"team/edge/AWSLogs/{account}/elasticloadbalancing/us-east-1/\d{{4}}/\d\d/\d\d/"
               rf"{account}_elasticloadbalancing_us-east-1_app\.{name}\.{identity}_"
               r"\d{8}T\d{4}Z_127\.\d+\.\d+\.\d+_[0-9a-z]{8}\.log\.gz")
    for path in logged["paths"]:
        assert re.fullmatch(pattern, str(path.relative_to(logged["root"]))), path
    assert logged["others"] == [], "load balancers without logs have none"


def test_every_request_has_one_line_of_33_fields(logged):
    assert len(logged["lines"]) == 6, logged["lines"]
    for line in logged["lines"]:
        assert len(fields(line.replace('\\"', "'"))) == 33, line


def line_of(logged, text):
    found, = [line for line in logged["lines"] if text in line]
    return fields(line_safe(found)), found


def line_safe(line):
    return line.replace('\\"', "'").replace("\\x22", "'")


def test_the_line_of_a_forwarded_request(logged):
    field, line = line_of(logged, "/forwarded")
    site, target = logged["site"], logged["target"]
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    assert field[0] == "http" and re.fullmatch(stamp, field[1])
    assert field[2] == site.lb.split("loadbalancer/")[1]
    assert re.fullmatch(r"127\.0\.0\.1:\d+", field[3])
    assert field[4] == f"127.0.0.1:{target.port}"
    assert all(re.fullmatch(r"\d+\.\d{3}", value) for value in field[5:8])
    assert field[8:10] == ["200", "200"]
    assert int(field[10]) == len(GET % b"forwarded?a=b%20c") and int(field[11]) > 100
    assert field[12] == "GET http://log.example.com:80/forwarded?a=b%20c HTTP/1.1"
    assert "agent" in field[13]
    assert field[14:16] == ["-", "-"] and field[16] == site.group
    assert field[17].startswith("Root=1-")
    assert field[18:20] == ["-", "-"] and field[20] == "0"
    assert re.fullmatch(stamp, field[21]) and field[22] == "forward"
    assert field[23:25] == ["-", "-"]
    assert field[25:27] == [f"127.0.0.1:{target.port}", "200"]
    assert field[27:29] == ["-", "-"] and re.fullmatch(r"TID_[0-9a-f]{32}|TID_[0-9a-f]{16}", field[29])
    assert field[30:] == ["-", "-", "-"]


def test_the_lines_of_own_answers(logged):
    own, _ = line_of(logged, "/own")
    assert own[4] == "-" and own[5:8] == ["-1", "-1", "-1"], own
    assert own[8:10] == ["404", "-"] and own[20] == "5" and own[22] == "fixed-response"
    moved, _ = line_of(logged, "/move")
    assert moved[8] == "301" and moved[20] == "6" and moved[22] == "redirect"
    assert moved[23] == "http://other.example.com:80/move"


def test_the_lines_of_bad_requests(logged):
    bad = [fields(line_safe(line)) for line in logged["lines"] if " 400 " in line]
    assert len(bad) == 1 and bad[0][27:29] == ["Severe", "BadHeader"]
    ambiguous, _ = line_of(logged, "/ambiguous")
    assert ambiguous[8] == "200"
    assert ambiguous[27:29] == ["Ambiguous", "UndefinedContentLengthSemantics"]


def log_lines(weir):
    paths = (weir.data_dir / "s3").rglob("*.gz")
    return [line for path in paths for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def test_logs_of_a_killed_process_are_archived_by_the_next(tmp_path):
    """What had reached the spool; the last second in a data thread's memory may be lost."""
    weir = Weir(tmp_path / "data").start()
    site = World(weir).site()
    site.answer(fixed("x"))
    site.lb_attributes(access_logs__s3__enabled="true", access_logs__s3__bucket="logs")
    for number in range(10):
        get(site.address, f"/{number}")
    spool = weir.data_dir / "logs" / "spool"
    wait_for(lambda: any(p.stat().st_size for p in spool.rglob("*") if p.is_file()), "a spool", 10)
    weir.kill()
    weir.start()
    assert weir.stop() == 0
    lines = log_lines(weir)
    assert len(lines) == 10 and len({line.split()[17 - 4] for line in lines}) == 10, lines


def test_a_log_folder_that_cannot_be_written_does_not_stop_traffic(tmp_path):
    weir = Weir(tmp_path / "data").start()
    try:
        site = World(weir).site()
        site.answer(fixed("x"))
        folder = weir.data_dir / "s3"
        if folder.exists():
            folder.rmdir()
        folder.write_text("in the way")
        site.lb_attributes(access_logs__s3__enabled="true", access_logs__s3__bucket="logs")
        for _ in range(10):
            assert get(site.address)[2] == b"x"
        folder.unlink()
    finally:
        assert weir.stop() == 0
    assert len(log_lines(weir)) == 10
    assert "panicked" not in weir.log()


def parse(text):
    """The text format, strictly: every sample belongs to a family that was announced."""
    kinds, samples = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in kinds, f"{name} is announced twice"
            kinds[name] = kind
        elif not line.startswith("#"):
            found = re.fullmatch(r'([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})? (\S+)', line)
            assert found, line
            name, labels, value = found.groups()
            assert name in kinds, line
            samples[name, labels or ""] = float(value)
    return kinds, samples


def test_metrics_parse_and_count(logged):
    kinds, samples = parse(logged["metrics"])
    assert kinds["weir_listener_requests_total"] == "counter"
    name = logged["site"].lb.split("loadbalancer/")[1]

    def listener(metric):
        found, = [v for (n, labels), v in samples.items()
                  if n == f"weir_listener_{metric}" and f'"{name}"' in labels]
        return found

    assert listener("requests_total") >= 5
    assert listener("fixed_responses_total") == 1
    assert listener("redirects_total") == 1
    assert listener("elb_4xx_total") == 2
    assert listener("elb_3xx_total") == 1
    assert listener("noncompliant_requests_total") == 2
    assert listener("received_bytes_total") > 1000
    group = logged["site"].group.split(":")[-1]
    target = {n: v for (n, labels), v in samples.items() if f'"{group}"' in labels}
    assert target["weir_target_requests_total"] == 3
    assert target["weir_target_healthy"] == 1
    assert target["weir_target_in_flight"] == 0


def test_documented_metrics_exist(logged):
    """Whatever docs/operating.md lists can be scraped."""
    page = (pathlib.Path(__file__).parent.parent / "docs/operating.md").read_text()
    section = page.split("## Metrics")[1].split("\n## ")[0]
    wanted = set(re.findall(r"`(weir_[a-z0-9_]+)`", section))
    assert len(wanted) > 10
    kinds, _ = parse(logged["metrics"])
    assert not wanted - set(kinds)


def test_counters_survive_changes(world, targets):
    """A new snapshot resets nothing."""
    site = world.site(targets("t"))

    def requests():
        _, samples = parse(metrics(world.weir))
        return sum(v for (n, _), v in samples.items() if n == "weir_listener_requests_total")

    for _ in range(3):
        get(site.address)
    site.answer(fixed("x"))
    site.lb_attributes(idle_timeout__timeout_seconds=30)
    get(site.address)
    wait_for(lambda: requests() == 4, "four requests are counted", 5)


def test_the_audit_has_every_mutation_and_no_secret(weir, world):
    """Read as an operator would, with the process running."""
    import sqlite3

    site = world.site()
    for _ in range(3):
        with pytest.raises(world.elb.exceptions.ClientError):
            world.elb.delete_target_group(TargetGroupArn=site.group)
    with sqlite3.connect(f"file:{weir.data_dir}/weir.db?mode=ro", uri=True) as store:
        rows = [json.dumps(row) for row in store.execute("SELECT * FROM audited").fetchall()]
    text = "\n".join(rows)
    for action in ("CreateLoadBalancer", "CreateListener", "CreateTargetGroup"):
        assert action in text
    assert weir.env["AWS_SECRET_ACCESS_KEY"] not in text
