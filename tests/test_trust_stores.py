"""Trust stores: bundles and revocation lists from objects, and links back to them."""

import pathlib
import re
import subprocess
import urllib.error
import urllib.request

import botocore.exceptions
import pytest

import conftest
from conftest import Weir


def code(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def says(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Message"]


def openssl(folder, *args):
    return subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True).stdout


def authority(name, key="rsa:2048"):
    """A certificate that may sign, as PEM bytes."""
    return conftest.certificate(name, key=key)[0]


class Ca:
    """An OpenSSL authority with a revocation list."""

    def __init__(self, folder):
        self.folder = folder
        openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=crl.example",
                "-keyout", "ca.key", "-out", "ca.pem")
        (folder / "index.txt").write_text("")
        (folder / "crlnumber").write_text("01\n")
        (folder / "conf").write_text(
            "[ca]\ndefault_ca=it\n[it]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\n"
            "default_crl_days=30\ncertificate=ca.pem\nprivate_key=ca.key\n"
        )
        self.pem = (folder / "ca.pem").read_bytes()

    def crl(self, entries, form="PEM"):
        lines = [f"R\t350101000000Z\t260101000000Z\t{n + 1:08X}\tunknown\t/CN=c{n}\n" for n in range(entries)]
        (self.folder / "index.txt").write_text("".join(lines))
        openssl(self.folder, "ca", "-config", "conf", "-gencrl", "-out", "list.pem")
        if form == "DER":
            return openssl(self.folder, "crl", "-in", "list.pem", "-outform", "DER")
        return (self.folder / "list.pem").read_bytes()


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Ca(tmp_path_factory.mktemp("ca"))


class Bucket:
    """A folder below the root that stands for S3."""

    def __init__(self, weir, name):
        self.name = name
        self.folder = pathlib.Path(weir.data_dir, "s3", name)
        self.folder.mkdir(parents=True, exist_ok=True)

    def put(self, key, content):
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return dict(CaCertificatesBundleS3Bucket=self.name, CaCertificatesBundleS3Key=key)

    def crl(self, key, content):
        self.put(key, content)
        return dict(S3Bucket=self.name, S3Key=key, RevocationType="CRL")


@pytest.fixture
def elb(weir):
    return weir.client("elbv2")


@pytest.fixture
def bucket(weir):
    return Bucket(weir, "trust-bucket")


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def status(url):
    try:
        fetch(url)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def test_the_life_of_a_trust_store(elb, bucket):
    two = b"# two roots\n" + authority("a.example") + authority("b.example", key="rsa:3072")
    made = elb.create_trust_store(Name="roots", Tags=[{"Key": "a", "Value": "b"}], **bucket.put("x/two.pem", two))
    store = made["TrustStores"][0]
    arn = store["TrustStoreArn"]
    assert re.fullmatch(r"arn:aws:elasticloadbalancing:[\w-]+:\d{12}:truststore/roots/[0-9a-f]{16}", arn)
    assert (store["Name"], store["Status"]) == ("roots", "ACTIVE")
    assert (store["NumberOfCaCertificates"], store["TotalRevokedEntries"]) == (2, 0)
    assert elb.describe_trust_stores(Names=["roots"])["TrustStores"] == [store]
    assert elb.describe_trust_stores(TrustStoreArns=[arn])["TrustStores"] == [store]
    assert elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"] == [{"Key": "a", "Value": "b"}]
    elb.add_tags(ResourceArns=[arn], Tags=[{"Key": "c", "Value": "d"}])
    elb.remove_tags(ResourceArns=[arn], TagKeys=["a"])
    assert elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"] == [{"Key": "c", "Value": "d"}]
    link = elb.get_trust_store_ca_certificates_bundle(TrustStoreArn=arn)["Location"]
    assert fetch(link) == two, "the link needs no signature of its own"
    one = authority("c.example")
    changed = elb.modify_trust_store(TrustStoreArn=arn, **bucket.put("one.pem", one))["TrustStores"][0]
    assert changed["NumberOfCaCertificates"] == 1
    assert fetch(elb.get_trust_store_ca_certificates_bundle(TrustStoreArn=arn)["Location"]) == one
    assert fetch(link) == two, "a link shows what it was made for"
    # The object may go; the store has what it read.
    (bucket.folder / "one.pem").unlink()
    assert fetch(elb.get_trust_store_ca_certificates_bundle(TrustStoreArn=arn)["Location"]) == one
    assert elb.describe_trust_store_associations(TrustStoreArn=arn)["TrustStoreAssociations"] == []
    assert code(elb.get_resource_policy, ResourceArn=arn) == "ResourceNotFound"
    assert code(elb.delete_shared_trust_store_association, TrustStoreArn=arn,
                ResourceArn="arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/x/0123456789abcdef",
                ) == "AssociationNotFound"
    elb.delete_trust_store(TrustStoreArn=arn)
    for call in (elb.delete_trust_store, elb.describe_trust_store_associations, elb.describe_trust_store_revocations,
                 elb.get_trust_store_ca_certificates_bundle):
        assert code(call, TrustStoreArn=arn) == "TrustStoreNotFound"
    for selected in (dict(Names=["roots"]), dict(TrustStoreArns=[arn])):
        assert code(elb.describe_trust_stores, **selected) == "TrustStoreNotFound"


def test_names_and_pages(elb, bucket):
    place = bucket.put("ca.pem", authority("a.example"))
    first = elb.create_trust_store(Name="n1", **place)["TrustStores"][0]
    again = elb.create_trust_store(Name="n1", **place)["TrustStores"][0]
    assert first == again
    other = bucket.put("other.pem", authority("b.example"))
    assert code(elb.create_trust_store, Name="n1", **other) == "DuplicateTrustStoreName"
    for bad in ("-x", "x-", "a--b", "a_b", "a" * 33):
        assert code(elb.create_trust_store, Name=bad, **place) == "ValidationError", bad
    for n in range(2, 21):
        elb.create_trust_store(Name=f"n{n}", **place)
    assert code(elb.create_trust_store, Name="more", **place) == "TooManyTrustStores"
    pages = list(elb.get_paginator("describe_trust_stores").paginate(PaginationConfig={"PageSize": 7}))
    names = [one["Name"] for page in pages for one in page["TrustStores"]]
    assert len(pages) == 3 and len(names) == len(set(names)) == 20
    assert code(elb.describe_trust_stores, Names=["n1"], TrustStoreArns=[first["TrustStoreArn"]]) == "ValidationError"


def test_bundles_that_are_refused(elb, bucket, tmp_path):
    good = authority("a.example")
    openssl(tmp_path, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=leaf.example", "-addext",
            "basicConstraints=critical,CA:FALSE", "-keyout", "k", "-out", "leaf")
    leaf = (tmp_path / "leaf").read_bytes()
    bad = {
        "empty": b"", "comment": b"# nothing\n", "text": b"hello\n" + good, "blank": good + b"\n" + good,
        "dash": b"# a-b\n" + good, "leaf": leaf, "weak": authority("w.example", key="rsa:1024"),
        "key": good + (tmp_path / "k").read_bytes(), "cut": good[:-30], "der": bytes([0x30, 0x82, 1, 0]) + bytes(256),
        "many": good * 26, "large": b"#" * (5 << 20),
    }
    for name, content in bad.items():
        place = bucket.put(f"bad/{name}", content)
        assert code(elb.create_trust_store, Name="bad", **place) == "InvalidCaCertificatesBundle", name
    elb.create_trust_store(Name="many", **bucket.put("many", good * 25))
    place = bucket.put("good", good)
    (pathlib.Path(bucket.folder).parent.parent / "secret").write_bytes(good)
    for changed in (
        dict(CaCertificatesBundleS3Key="none"), dict(CaCertificatesBundleS3Bucket="other-bucket"),
        dict(CaCertificatesBundleS3ObjectVersion="v1"), dict(CaCertificatesBundleS3Key="../../secret"),
        dict(CaCertificatesBundleS3Bucket="..", CaCertificatesBundleS3Key="secret"),
        dict(CaCertificatesBundleS3Key="/etc/passwd"), dict(CaCertificatesBundleS3Key="bad"),
    ):
        assert code(elb.create_trust_store, Name="x", **(place | changed)) == "CaCertificatesBundleNotFound", changed


def test_revocations(elb, bucket, ca):
    arn = elb.create_trust_store(Name="rev", **bucket.put("ca.pem", ca.pem))["TrustStores"][0]["TrustStoreArn"]
    three, ten = ca.crl(3), ca.crl(10, form="DER")
    added = elb.add_trust_store_revocations(TrustStoreArn=arn, RevocationContents=[
        bucket.crl("three.pem", three), bucket.crl("ten.der", ten)])["TrustStoreRevocations"]
    assert [(one["RevocationId"], one["NumberOfRevokedEntries"]) for one in added] == [(1, 3), (2, 10)]
    assert all(one["RevocationType"] == "CRL" and one["TrustStoreArn"] == arn for one in added)
    assert elb.describe_trust_stores(Names=["rev"])["TrustStores"][0]["TotalRevokedEntries"] == 13
    shown = elb.describe_trust_store_revocations(TrustStoreArn=arn)["TrustStoreRevocations"]
    assert [one["RevocationId"] for one in shown] == [1, 2]
    shown = elb.describe_trust_store_revocations(TrustStoreArn=arn, RevocationIds=[2])["TrustStoreRevocations"]
    assert [one["NumberOfRevokedEntries"] for one in shown] == [10]
    for number, content in ((1, three), (2, ten)):
        link = elb.get_trust_store_revocation_content(TrustStoreArn=arn, RevocationId=number)["Location"]
        assert fetch(link) == content
    pages = list(elb.get_paginator("describe_trust_store_revocations").paginate(
        TrustStoreArn=arn, PaginationConfig={"PageSize": 1}))
    assert [one["RevocationId"] for page in pages for one in page["TrustStoreRevocations"]] == [1, 2]
    elb.remove_trust_store_revocations(TrustStoreArn=arn, RevocationIds=[2])
    content = bucket.crl("empty.pem", ca.crl(0))
    added = elb.add_trust_store_revocations(TrustStoreArn=arn, RevocationContents=[content])["TrustStoreRevocations"]
    assert [(one["RevocationId"], one["NumberOfRevokedEntries"]) for one in added] == [(3, 0)]
    for call, arguments in [
        (elb.remove_trust_store_revocations, dict(RevocationIds=[2])),
        (elb.remove_trust_store_revocations, dict(RevocationIds=[1, 9])),
        (elb.describe_trust_store_revocations, dict(RevocationIds=[2])),
        (elb.get_trust_store_revocation_content, dict(RevocationId=2)),
    ]:
        assert code(call, TrustStoreArn=arn, **arguments) == "RevocationIdNotFound"
    assert elb.describe_trust_stores(Names=["rev"])["TrustStores"][0]["TotalRevokedEntries"] == 3


def test_revocations_that_are_refused(elb, bucket, ca):
    arn = elb.create_trust_store(Name="bad", **bucket.put("ca.pem", ca.pem))["TrustStores"][0]["TrustStoreArn"]
    good = ca.crl(2)

    def refused(content):
        return code(elb.add_trust_store_revocations, TrustStoreArn=arn, RevocationContents=[content])

    for name, content in {"empty": b"", "text": b"hello", "cert": ca.pem, "cut": good[:-40],
                          "der": ca.crl(2, form="DER")[:-1]}.items():
        assert refused(bucket.crl(name, content)) == "InvalidRevocationContent", name
    assert refused(bucket.crl("good", good) | {"S3Key": "none"}) == "RevocationContentNotFound"
    assert refused(bucket.crl("good", good) | {"S3ObjectVersion": "v"}) == "RevocationContentNotFound"
    assert refused({"S3Bucket": bucket.name}) == "ValidationError"
    both = [bucket.crl("good", good), bucket.crl("bad", b"no")]
    assert code(elb.add_trust_store_revocations, TrustStoreArn=arn, RevocationContents=both) == (
        "InvalidRevocationContent")
    assert elb.describe_trust_store_revocations(TrustStoreArn=arn)["TrustStoreRevocations"] == []
    many = [bucket.crl("good", good)] * 31
    assert code(elb.add_trust_store_revocations, TrustStoreArn=arn, RevocationContents=many) == (
        "TooManyTrustStoreRevocationEntries")
    missing = arn[:-16] + "0" * 16
    assert code(elb.add_trust_store_revocations, TrustStoreArn=missing, RevocationContents=many[:1]) == (
        "TrustStoreNotFound")


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def large(entries):
    """A list whose signature nobody checks."""
    algorithm = bytes.fromhex("300d06092a864886f70d01010b0500")
    time = der(0x17, b"260101000000Z")
    rows = b"".join(der(0x30, der(0x02, (1 << 100 | n).to_bytes(16, "big")), time) for n in range(entries))
    body = der(0x30, der(0x02, b"\x01"), algorithm, der(0x30), time, time, der(0x30, rows))
    return der(0x30, body, algorithm, der(0x03, b"\0" * 257))


def test_half_a_million_entries(weir, elb, bucket):
    arn = elb.create_trust_store(Name="large", **bucket.put("ca.pem", authority("a.example")))
    arn = arn["TrustStores"][0]["TrustStoreArn"]
    content = large(500_000)
    added = elb.add_trust_store_revocations(
        TrustStoreArn=arn, RevocationContents=[bucket.crl("large.der", content)])["TrustStoreRevocations"]
    assert added[0]["NumberOfRevokedEntries"] == 500_000
    one = [bucket.crl("one.der", large(1))]
    assert code(elb.add_trust_store_revocations, TrustStoreArn=arn, RevocationContents=one) == (
        "TooManyTrustStoreRevocationEntries")
    huge = [bucket.crl("huge.der", bytes([0x30]) + bytes(50 * 1024 * 1024))]
    assert code(elb.add_trust_store_revocations, TrustStoreArn=arn, RevocationContents=huge) == (
        "InvalidRevocationContent")
    weir.kill()
    weir.start()
    elb = weir.client("elbv2")
    link = elb.get_trust_store_revocation_content(TrustStoreArn=arn, RevocationId=1)["Location"]
    assert fetch(link) == content, "what was acknowledged survives kill -9"
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{weir.process.pid}/status").read_text()).group(1))
    assert peak < 600_000, f"{peak} kB"


def test_links_cannot_be_changed(elb, bucket):
    arn = elb.create_trust_store(Name="link", **bucket.put("ca.pem", authority("a.example")))
    arn = arn["TrustStores"][0]["TrustStoreArn"]
    link = elb.get_trust_store_ca_certificates_bundle(TrustStoreArn=arn)["Location"]
    assert status(link) == 200
    until = re.search(r"Expires=(\d+)", link).group(1)
    for changed in (
        link.replace(until, str(int(until) + 1)), link[:-1] + ("0" if link[-1] != "0" else "1"), link.split("?")[0],
        link.split("&")[0], link + "&x=1", re.sub(r"[0-9a-f]{64}\?", "0" * 64 + "?", link),
    ):
        assert status(changed) == 403, changed


def test_a_store_in_use_stays(tmp_path):
    weir = Weir(tmp_path / "data", {"WEIR_ALLOW_UNSERVED_TYPES": "true"}).start()
    try:
        elb, ec2, acm = weir.client("elbv2"), weir.client("ec2"), weir.client("acm")
        place = Bucket(weir, "trust-bucket").put("ca.pem", authority("a.example"))
        store = elb.create_trust_store(Name="used", **place)["TrustStores"][0]["TrustStoreArn"]
        cert, key = conftest.certificate("mtls.example")
        certificate = acm.import_certificate(Certificate=cert, PrivateKey=key)["CertificateArn"]
        subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
        lb = elb.create_load_balancer(Name="mtls", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        listener = elb.create_listener(
            LoadBalancerArn=lb, Port=443, Protocol="HTTPS", Certificates=[{"CertificateArn": certificate}],
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
            MutualAuthentication={"Mode": "verify", "TrustStoreArn": store},
        )["Listeners"][0]["ListenerArn"]
        assert elb.describe_trust_store_associations(TrustStoreArn=store)["TrustStoreAssociations"] == [
            {"ResourceArn": lb}]
        with pytest.raises(botocore.exceptions.ClientError, match="is currently in use by a listener") as caught:
            elb.delete_trust_store(TrustStoreArn=store)
        assert caught.value.response["Error"]["Code"] == "TrustStoreInUse"
        assert code(elb.delete_shared_trust_store_association, TrustStoreArn=store, ResourceArn=lb) == (
            "DeleteAssociationSameAccount")
        elb.delete_listener(ListenerArn=listener)
        elb.delete_trust_store(TrustStoreArn=store)
    finally:
        weir.stop()


def test_stores_belong_to_their_region(tmp_path):
    weir = Weir(tmp_path / "data", {"WEIR_REGIONS": "us-east-1,eu-west-1"}).start()
    try:
        here, there = weir.client("elbv2"), weir.client("elbv2", region_name="eu-west-1")
        place = Bucket(weir, "trust-bucket").put("ca.pem", authority("a.example"))
        arn = here.create_trust_store(Name="region", **place)["TrustStores"][0]["TrustStoreArn"]
        assert there.describe_trust_stores()["TrustStores"] == []
        assert code(there.describe_trust_stores, TrustStoreArns=[arn]) == "TrustStoreNotFound"
        assert code(there.delete_trust_store, TrustStoreArn=arn) == "TrustStoreNotFound"
        assert "trust store ARN" in says(here.delete_trust_store, TrustStoreArn="arn:aws:x")
    finally:
        weir.stop()
