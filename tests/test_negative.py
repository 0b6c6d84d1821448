"""Every parameter of every ELBv2 action, wrong in every way that the model can say.

The cases come from the service model itself (models/elbv2.json): for each member of each input, at
any depth, a call that is right but for this member. Members that must be there are left out,
numbers and lengths are set just outside and just inside their bounds, closed sets are left,
patterns broken, and types confused. The calls are signed and sent raw, so that no SDK corrects
them first.

A wrong value gets AWS's error for exactly that member; a value on the bound is not a constraint
error; nothing is ever a 5xx, and the server logs no bug.
"""

import concurrent.futures
import http.client
import itertools
import json
import pathlib
import re
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

import conftest

MODEL = json.loads((pathlib.Path(__file__).parent.parent / "models/elbv2.json").read_text())
VERSION = MODEL["metadata"]["apiVersion"]
SHAPES = MODEL["shapes"]
DEPTH = 8
OUTSIDER = "no-such-word"

# Closed sets that the service judges itself, in words of its own (docs/spec/control-plane.md §2.4).
OWN_WORDS = {
    "Protocol",
    "HealthCheckProtocol",
}


def shape(name):
    return SHAPES[name]


def lower_camel(name):
    head = re.match(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]+$|[A-Z]", name)
    return name[: len(head.group())].lower() + name[len(head.group()) :] if head else name


def sample(name, depth=0):
    """A value that satisfies the constraints of a shape, with its required members only."""
    s = shape(name)
    kind = s["type"]
    if kind == "structure":
        members = s.get("members", {})
        return {m: sample(members[m]["shape"], depth + 1) for m in s.get("required", [])}
    if kind == "list":
        count = max(1, s.get("min", 0))
        return [sample(s["member"]["shape"], depth + 1) for _ in range(count)]
    if kind == "map":
        return {}
    if kind == "string":
        if "enum" in s:
            return s["enum"][0]
        return text_for(name, max(1, s.get("min", 0)))
    if kind in ("integer", "long"):
        return s.get("min", 1)
    return {"boolean": "true", "double": "1.5", "timestamp": "2026-01-01T00:00:00Z"}[kind]


# Texts that satisfy the patterns of the model.
PATTERNED = {
    "CustomerOwnedIpv4Pool": "ipv4pool-coip-a",
    "IpamPoolId": "ipam-pool-a",
    "RedirectActionProtocol": "HTTPS",
    "FixedResponseActionStatusCode": "200",
}


def text_for(name, length):
    return PATTERNED.get(name, "a" * length)


def members_of(operation):
    """Every member of an input: its path as a tuple of names and list marks, and its shape."""
    def walk(name, path, depth):
        s = shape(name)
        if depth > DEPTH:
            return
        if s["type"] == "structure":
            for member, reference in s.get("members", {}).items():
                here = path + (member,)
                yield here, reference["shape"], member in s.get("required", [])
                yield from walk(reference["shape"], here, depth + 1)
        elif s["type"] == "list":
            here = path + (0,)
            yield here, s["member"]["shape"], False
            yield from walk(s["member"]["shape"], here, depth + 1)

    yield from walk(MODEL["operations"][operation]["input"]["shape"], (), 0)


def put(operation, path, value):
    """A whole input with one member set: what lies above it is filled in as far as required."""
    root_shape = MODEL["operations"][operation]["input"]["shape"]
    root = sample(root_shape)
    node, name = root, root_shape
    for step, following in itertools.pairwise(path + (None,)):
        s = shape(name)
        name = s["member"]["shape"] if s["type"] == "list" else s["members"][step]["shape"]
        if following is None:
            if isinstance(node, list):
                node[step:] = [] if value is GONE else [value]
            elif value is GONE:
                node.pop(step, None)
            else:
                node[step] = value
        elif isinstance(node, list):
            node = node[step]
        else:
            node = node.setdefault(step, sample(name))
    return root


GONE = object()


def form(value, prefix=""):
    """The query form of an input."""
    if isinstance(value, dict):
        if not value and prefix:
            return
        for key, inner in value.items():
            yield from form(inner, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list):
        if not value:
            yield prefix, ""
        for index, inner in enumerate(value, 1):
            yield from form(inner, f"{prefix}.member.{index}")
    else:
        yield prefix, str(value)


def spoken(path):
    """A path as AWS's messages say it."""
    words = []
    for step in path:
        words.append("1.member" if step == 0 else lower_camel(step))
    return ".".join(words)


class Case:
    """One call: the action, the member, what is wrong with it, and what must come back."""

    def __init__(self, operation, path, what, value, bad, member):
        self.operation, self.path, self.what, self.value = operation, path, what, value
        self.bad, self.member = bad, member

    def __str__(self):
        return f"{self.operation} {spoken(self.path)}: {self.what}"

    def body(self):
        value = put(self.operation, self.path, self.value)
        pairs = [("Action", self.operation), ("Version", VERSION), *form(value)]
        return urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote)


def cases(operation):
    for path, name, required in members_of(operation):
        s, member = shape(name), path[-1]

        def case(what, value, bad):
            return Case(operation, path, what, value, bad, member)

        # A missing member of a structure in a list cannot be told from an empty structure.
        if required and not (len(path) > 1 and sole_member(operation, path)):
            yield case("missing", GONE, "null")
        yield from typed(s, name, case)


def sole_member(operation, path):
    name = MODEL["operations"][operation]["input"]["shape"]
    for step in path[:-1]:
        s = shape(name)
        name = s["member"]["shape"] if s["type"] == "list" else s["members"][step]["shape"]
    return len(shape(name).get("required", [])) == 1


def typed(s, name, case):
    """The wrong and the just right values of one shape."""
    kind = s["type"]
    if kind in ("integer", "long"):
        for wrong in ("abc", "1.5", "", "9" * 30, "0x10"):
            yield case(f"no number: {wrong!r}", wrong, "type")
        for bound, off in (("min", -1), ("max", 1)):
            if bound in s:
                yield case(f"{bound} {s[bound]}", s[bound], None)
                yield case(f"beyond {bound} {s[bound]}", s[bound] + off, "constraint")
    elif kind == "boolean":
        for wrong in ("maybe", "1", "", "TRUE!"):
            yield case(f"no boolean: {wrong!r}", wrong, "type")
        yield case("true", "true", None)
        yield case("false", "false", None)
    elif kind == "string" and "enum" in s:
        yield case("outside of the set", OUTSIDER, "constraint")
        for word in s["enum"]:
            yield case(f"word {word}", word, None)
    elif kind == "string":
        if s.get("min"):
            yield case("too short", "", "constraint")
        if "max" in s:
            if name not in PATTERNED and len(s.get("pattern", "")) == 0:
                yield case("longest", text_for(name, s["max"]), None)
            yield case("too long", "a" * (s["max"] + 1), "constraint")
        if s.get("pattern"):
            yield case("outside of the pattern", "\u2603 \\ \"", "constraint")
    elif kind == "list":
        yield case("a scalar for a list", "scalar", "any")
        if s.get("min"):
            yield case("empty", [], "constraint")
        if "max" in s:
            yield case("too many", [sample(s["member"]["shape"])] * (s["max"] + 1), "constraint")
    elif kind == "structure":
        yield case("a scalar for a structure", "scalar", "any")
    elif kind == "double":
        yield case("no number", "abc", "type")
    elif kind == "timestamp":
        yield case("no time", "yesterday", "type")


class Caller:
    """Signs and sends raw calls over one kept connection."""

    def __init__(self, weir):
        env = weir.env
        keys = botocore.credentials.Credentials(
            env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
        )
        self.endpoint = weir.endpoint
        self.auth = botocore.auth.SigV4Auth(keys, "elasticloadbalancing", env["AWS_REGION"])
        self.connection = http.client.HTTPConnection(weir.endpoint.split("//")[1], timeout=30)

    def __call__(self, body):
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = botocore.awsrequest.AWSRequest("POST", self.endpoint + "/", headers, body)
        self.auth.add_auth(request)
        self.connection.request("POST", "/", body.encode(), dict(request.headers.items()))
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()


def judge(case, status, text):
    """What is wrong with an answer, or nothing."""
    if status >= 500:
        return f"{case}: {status} {text}"
    code = (re.search(r"<Code>([^<]*)</Code>", text) or [None, ""])[1]
    message = (re.search(r"<Message>(.*?)</Message>", text, re.S) or [None, ""])[1]
    constraint = "failed to satisfy constraint" in message
    if case.bad is None:
        # A value on the bound: whatever else is wrong, the model has nothing against it.
        about = f"at '{spoken(case.path)}'" in message
        return f"{case}: refused: {message}" if constraint and about else None
    if status == 200 or not code:
        return f"{case}: accepted: {status} {text[:300]}"
    if case.bad == "any":
        return None
    if case.bad == "type":
        expected = code in ("MalformedInput", "ValidationError")
        return None if expected else f"{case}: {code} {message}"
    if case.bad == "constraint" and case.member in OWN_WORDS:
        return None if code == "ValidationError" else f"{case}: {code} {message}"
    if code != "ValidationError" or not constraint:
        return f"{case}: {code} {message}"
    list_item = case.path[-1] == 0
    where = spoken(case.path[:-1] if list_item else case.path)
    if f"at '{where}" not in message:
        return f"{case}: speaks of another member: {message}"
    if case.bad == "null" and "Member must not be null" not in message:
        return f"{case}: {message}"
    return None


@pytest.fixture(scope="module")
def permissive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("negative")
    weir = conftest.Weir(folder / "data", extra_env={"WEIR_ALLOW_UNSERVED_TYPES": "true"}).start()
    yield weir
    weir.stop()


def test_all_51_actions_have_cases():
    assert len(MODEL["operations"]) == 51
    without = {op for op in MODEL["operations"] if not list(cases(op))}
    assert without == set()


def test_every_wrong_parameter_gets_awss_error(permissive):
    def run(operation):
        call = Caller(permissive)
        return [c for case in cases(operation) if (c := judge(case, *call(case.body())))]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        complaints = [c for found in pool.map(run, MODEL["operations"]) for c in found]
    assert not complaints, f"{len(complaints)} of them:\n" + "\n".join(complaints[:60])
    log = permissive.log()
    assert "panicked" not in log and "bug in the API" not in log


def test_wild_forms_are_refused_not_crashed(permissive):
    """Shapes of the form itself: gaps, repeats, depth, size, bytes that are no text."""
    call = Caller(permissive)
    head = f"Action=CreateRule&Version={VERSION}&"
    deep = "Conditions.member.1" + ".Values.member.1" * 200
    for tail in (
        "Conditions.member.0.Field=x",
        "Conditions.member.-1.Field=x",
        "Conditions.member.99999999999999999999.Field=x",
        "Conditions.member.1.Field=x&Conditions.member.1.Field=y",
        "Conditions.member.1=x&Conditions.member.1.Field=y",
        "Conditions.member=x&Conditions=y",
        deep + "=x",
        "Priority=%ff%fe",
        "Priority=%00",
        "Priority=1&Priority=2",
        "ListenerArn=" + "a" * 100_000,
        "&&&=&=x&x",
        "%zz=%",
    ):
        status, text = call(head + tail)
        assert 400 <= status < 500 and "<Code>" in text, (tail[:80], status, text[:200])
    assert "panicked" not in permissive.log()
