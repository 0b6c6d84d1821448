"""Certificates of ACM and IAM, and what happens to their private keys."""

import base64
import pathlib
import re
import subprocess

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
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def openssl(folder, *args, **kwargs):
    return subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True, **kwargs).stdout


class Authority:
    """A root, and what it signs; everything as PEM bytes."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
                "/O=Tests/CN=root.example", "-keyout", "root.key", "-out", "root.pem")
        self.pem = (self.folder / "root.pem").read_bytes()

    def sign(self, name, days="30", key="rsa:2048", issuer="root", authority=False):
        stem = re.sub(r"\W", "-", name)
        kind = key.split(":")
        how = ["-newkey", key] if kind[0] == "rsa" else ["-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{kind[1]}"]
        openssl(self.folder, "req", *how, "-nodes", "-subj", f"/CN={name}", "-keyout", f"{stem}.key",
                "-out", f"{stem}.csr")
        (self.folder / "ext").write_text(
            "basicConstraints=CA:TRUE\n" if authority else
            f"subjectAltName=DNS:{name},DNS:alt.{name},IP:192.0.2.7\nkeyUsage=digitalSignature,keyEncipherment\n"
            "extendedKeyUsage=serverAuth,1.2.3.4\n"
        )
        openssl(self.folder, "x509", "-req", "-in", f"{stem}.csr", "-CA", f"{issuer}.pem", "-CAkey",
                f"{issuer}.key", "-CAcreateserial", "-days", days, "-extfile", "ext", "-out", f"{stem}.pem")
        return (self.folder / f"{stem}.pem").read_bytes(), (self.folder / f"{stem}.key").read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def acm(shared_weir):
    return shared_weir.client("acm")


@pytest.fixture
def iam(shared_weir):
    return shared_weir.client("iam")


# --- ACM


def test_an_imported_certificate_is_told_whole(acm, authority):
    cert, key = authority.sign("web.example")
    arn = acm.import_certificate(
        Certificate=cert, PrivateKey=key, CertificateChain=authority.pem, Tags=[{"Key": "team", "Value": "web"}]
    )["CertificateArn"]
    assert re.fullmatch(r"arn:aws:acm:[\w-]+:\d{12}:certificate/[0-9a-f-]{36}", arn)
    told = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert told["DomainName"] == "web.example"
    assert told["SubjectAlternativeNames"] == ["web.example", "alt.web.example", "192.0.2.7"]
    assert (told["Status"], told["Type"], told["KeyAlgorithm"]) == ("ISSUED", "IMPORTED", "RSA_2048")
    assert told["SignatureAlgorithm"] == "SHA256WITHRSA"
    assert (told["Subject"], told["Issuer"]) == ("CN=web.example", "Tests")
    assert told["InUseBy"] == [] and told["RenewalEligibility"] == "INELIGIBLE"
    assert [usage["Name"] for usage in told["KeyUsages"]] == ["DIGITAL_SIGNATURE", "KEY_ENCIPHERMENT"]
    assert told["ExtendedKeyUsages"] == [
        {"Name": "TLS_WEB_SERVER_AUTHENTICATION", "OID": "1.3.6.1.5.5.7.3.1"}, {"Name": "CUSTOM", "OID": "1.2.3.4"},
    ]
    assert told["NotBefore"] < told["NotAfter"] and told["ImportedAt"] == told["CreatedAt"]
    assert re.fullmatch(r"([0-9a-f]{2}:)+[0-9a-f]{2}", told["Serial"])
    assert "DomainValidationOptions" not in told and "IssuedAt" not in told
    text = acm.get_certificate(CertificateArn=arn)
    assert text["Certificate"].strip() == cert.decode().strip()
    assert text["CertificateChain"].strip() == authority.pem.decode().strip()
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == [{"Key": "team", "Value": "web"}]
    acm.add_tags_to_certificate(CertificateArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    acm.remove_tags_from_certificate(CertificateArn=arn, Tags=[{"Key": "team", "Value": "other"}, {"Key": "b"}])
    tags = acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "team", "Value": "web"}]
    assert code(acm.update_certificate_options, CertificateArn=arn,
                Options={"CertificateTransparencyLoggingPreference": "DISABLED"}) == "ValidationException"
    acm.delete_certificate(CertificateArn=arn)
    missing = dict(CertificateArn=arn)
    for call in (acm.describe_certificate, acm.get_certificate, acm.delete_certificate, acm.list_tags_for_certificate):
        kind, message = says(call, **missing)
        assert kind == "ResourceNotFoundException" and arn in message


@pytest.mark.parametrize("key, name", [
    ("rsa:1024", "RSA_1024"), ("rsa:3072", "RSA_3072"), ("rsa:4096", "RSA_4096"), ("ec:prime256v1", "EC_prime256v1"),
    ("ec:secp384r1", "EC_secp384r1"), ("ec:secp521r1", "EC_secp521r1"),
])
def test_every_kind_of_key(acm, authority, key, name):
    cert, private = authority.sign("kinds.example", key=key)
    arn = acm.import_certificate(Certificate=cert, PrivateKey=private, CertificateChain=authority.pem)["CertificateArn"]
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["KeyAlgorithm"] == name
    # The older wrapping of the same key, imported over it.
    old = openssl(authority.folder, "rsa" if "RSA" in name else "ec", "-in", "kinds-example.key",
                  *(["-traditional"] if "RSA" in name else []))
    assert b"RSA PRIVATE KEY" in old or b"EC PRIVATE KEY" in old
    again = acm.import_certificate(
        CertificateArn=arn, Certificate=cert, PrivateKey=old, CertificateChain=authority.pem)["CertificateArn"]
    assert again == arn
    listed = [one["CertificateArn"] for one in acm.list_certificates()["CertificateSummaryList"]]
    assert (arn in listed) == (name == "RSA_1024"), "only RSA up to 2048 is listed unasked"
    asked = acm.list_certificates(Includes={"keyTypes": [name]})["CertificateSummaryList"]
    assert arn in [one["CertificateArn"] for one in asked]
    acm.delete_certificate(CertificateArn=arn)


def test_what_is_not_imported(acm, authority, tmp_path):
    cert, key = authority.sign("bad.example")
    other = conftest.certificate("other.example")
    pair = dict(Certificate=cert, PrivateKey=key)

    def refused(**changed):
        kind, message = says(acm.import_certificate, **(pair | changed))
        assert kind == "ValidationException", (kind, message)
        return message

    assert "self signed" in refused()
    assert "does not" in refused(PrivateKey=other[1]) or "validate the private key" in refused(PrivateKey=other[1])
    assert "with the certificate chain" in refused(CertificateChain=other[0])
    middle, _ = authority.sign("middle.example", authority=True)
    under, under_key = authority.sign("under.example", issuer="middle-example")
    chain = middle + authority.pem
    acm.import_certificate(Certificate=under, PrivateKey=under_key, CertificateChain=chain)
    assert refused(Certificate=under, PrivateKey=under_key, CertificateChain=middle + other[0]).endswith(": 1")
    assert "more than one certificate" in refused(Certificate=cert + authority.pem)
    assert "not a valid PEM" in refused(Certificate=b"nonsense")
    assert "private key" in refused(PrivateKey=b"nonsense")
    assert "chain" in refused(CertificateChain=b"nonsense")
    (tmp_path / "k").write_bytes(key)
    for how in (["pkcs8", "-topk8", "-passout", "pass:x"], ["rsa", "-traditional", "-aes128", "-passout", "pass:x"]):
        assert "encrypted" in refused(PrivateKey=openssl(tmp_path, how[0], "-in", "k", *how[1:]))
    edwards = openssl(tmp_path, "genpkey", "-algorithm", "ed25519")
    assert "not supported" in refused(PrivateKey=edwards)
    old, old_key = authority.sign("old.example", days="-1")
    assert "expired" in refused(Certificate=old, PrivateKey=old_key, CertificateChain=authority.pem)
    assert code(acm.import_certificate, CertificateArn="arn:aws:acm:us-east-1:123456789012:other/x", **pair) == "InvalidArnException"
    missing = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
    assert code(acm.import_certificate, CertificateArn=missing, **pair) == "ResourceNotFoundException"


def test_importing_again_keeps_the_arn(acm):
    cert, key = conftest.certificate("again.example")
    arn = acm.import_certificate(Certificate=cert, PrivateKey=key)["CertificateArn"]
    first = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    newer, newer_key = conftest.certificate("again.example", days=60)
    again = acm.import_certificate(CertificateArn=arn, Certificate=newer, PrivateKey=newer_key)
    assert again["CertificateArn"] == arn
    second = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert second["NotAfter"] > first["NotAfter"] and second["Serial"] != first["Serial"]
    assert second["CreatedAt"] == first["CreatedAt"]
    assert code(acm.import_certificate, CertificateArn=arn, Certificate=newer, PrivateKey=newer_key,
                Tags=[{"Key": "a", "Value": "b"}]) == "ValidationException"


def test_lists_are_filtered_and_paged(weir):
    acm = weir.client("acm")
    arns = set()
    for n in range(5):
        cert, key = conftest.certificate(f"p{n}.example")
        arns.add(acm.import_certificate(Certificate=cert, PrivateKey=key)["CertificateArn"])
    pages = list(acm.get_paginator("list_certificates").paginate(PaginationConfig={"PageSize": 2}))
    seen = [one["CertificateArn"] for page in pages for one in page["CertificateSummaryList"]]
    assert len(pages) == 3 and set(seen) == arns and len(seen) == 5
    assert acm.list_certificates(CertificateStatuses=["EXPIRED"])["CertificateSummaryList"] == []
    up = acm.list_certificates(SortBy="CREATED_AT", SortOrder="ASCENDING")["CertificateSummaryList"]
    created = [one["CreatedAt"] for one in up]
    assert created == sorted(created)
    one = up[0]
    assert one["DomainName"] == "p0.example" and one["SubjectAlternativeNameSummaries"] == ["p0.example"]
    assert (one["Status"], one["Type"], one["InUse"]) == ("ISSUED", "IMPORTED", False)
    assert code(acm.list_certificates, NextToken="nothing") == "InvalidArgsException"
    assert code(acm.list_certificates, SortBy="CREATED_AT") == "ValidationException"


def test_a_request_is_issued_at_once(shared_weir, acm, tmp_path):
    asked = dict(DomainName="req.example", SubjectAlternativeNames=["*.req.example"], ValidationMethod="DNS",
                 IdempotencyToken="token1")
    arn = acm.request_certificate(**asked)["CertificateArn"]
    assert acm.request_certificate(**asked)["CertificateArn"] == arn
    acm.get_waiter("certificate_validated").wait(CertificateArn=arn, WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    told = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert (told["Status"], told["Type"], told["KeyAlgorithm"]) == ("ISSUED", "AMAZON_ISSUED", "RSA_2048")
    assert told["SubjectAlternativeNames"] == ["req.example", "*.req.example"]
    assert "IssuedAt" in told and "ImportedAt" not in told
    options = told["DomainValidationOptions"]
    assert [option["DomainName"] for option in options] == told["SubjectAlternativeNames"]
    for option in options:
        assert (option["ValidationStatus"], option["ValidationMethod"]) == ("SUCCESS", "DNS")
        assert option["ResourceRecord"]["Type"] == "CNAME"
        assert option["ResourceRecord"]["Name"].endswith(".req.example.")
    assert options[0]["ResourceRecord"] == options[1]["ResourceRecord"], "a wildcard shares the record"
    text = acm.get_certificate(CertificateArn=arn)
    (tmp_path / "leaf").write_text(text["Certificate"])
    (tmp_path / "ca").write_text(text["CertificateChain"])
    assert b"OK" in openssl(tmp_path, "verify", "-CAfile", "ca", "-verify_hostname", "a.req.example", "leaf")
    kept = pathlib.Path(shared_weir.data_dir, "certificate-authority.pem").read_text()
    assert kept == text["CertificateChain"]
    acm.update_certificate_options(
        CertificateArn=arn, Options={"CertificateTransparencyLoggingPreference": "DISABLED"})
    told = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert told["Options"]["CertificateTransparencyLoggingPreference"] == "DISABLED"
    cert, key = conftest.certificate("req.example")
    assert code(acm.import_certificate, CertificateArn=arn, Certificate=cert, PrivateKey=key) == "ValidationException"
    elliptic = acm.request_certificate(DomainName="ec.req.example", KeyAlgorithm="EC_prime256v1")["CertificateArn"]
    told = acm.describe_certificate(CertificateArn=elliptic)["Certificate"]
    assert told["KeyAlgorithm"] == "EC_prime256v1"
    assert code(acm.request_certificate, DomainName="nodots") == "ValidationException"
    assert code(acm.request_certificate, DomainName="a.example", KeyAlgorithm="RSA_1024") == "ValidationException"
    wrong = [{"DomainName": "a.example", "ValidationDomain": "b.example"}]
    assert code(acm.request_certificate, DomainName="a.example",
                DomainValidationOptions=wrong) == "InvalidDomainValidationOptionsException"


# --- IAM


def test_server_certificates(iam, authority):
    cert, key = authority.sign("iam.example")
    uploaded = iam.upload_server_certificate(
        ServerCertificateName="Web", Path="/one/two/", CertificateBody=cert.decode(), PrivateKey=key.decode(),
        CertificateChain=authority.pem.decode(), Tags=[{"Key": "a", "Value": "b"}],
    )
    meta = uploaded["ServerCertificateMetadata"]
    assert re.fullmatch(r"arn:aws:iam::\d{12}:server-certificate/one/two/Web", meta["Arn"])
    assert re.fullmatch(r"ASCA[A-Z2-7]{17}", meta["ServerCertificateId"])
    assert meta["Expiration"] > meta["UploadDate"] and uploaded["Tags"] == [{"Key": "a", "Value": "b"}]
    shown = iam.get_server_certificate(ServerCertificateName="Web")["ServerCertificate"]
    assert shown["ServerCertificateMetadata"] == meta
    # Terraform compares with the trimmed text, and would replace the certificate at every run.
    assert shown["CertificateBody"] == cert.decode().strip()
    assert shown["CertificateChain"] == authority.pem.decode().strip()
    body = dict(CertificateBody=cert.decode(), PrivateKey=key.decode())
    # Without its chain it is taken too.
    iam.upload_server_certificate(ServerCertificateName="Bare", **body)
    assert code(iam.upload_server_certificate, ServerCertificateName="web", **body) == "EntityAlreadyExists"
    listed = iam.list_server_certificates(PathPrefix="/one")
    assert [one["ServerCertificateName"] for one in listed["ServerCertificateMetadataList"]] == ["Web"]
    assert listed["IsTruncated"] is False
    pages = list(iam.get_paginator("list_server_certificates").paginate(PaginationConfig={"PageSize": 1}))
    names = [one["ServerCertificateName"] for page in pages for one in page["ServerCertificateMetadataList"]]
    assert [name for name in names if name in ("Bare", "Web")] == ["Bare", "Web"]
    iam.tag_server_certificate(ServerCertificateName="Web", Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_server_certificate(ServerCertificateName="Web", TagKeys=["a"])
    assert iam.list_server_certificate_tags(ServerCertificateName="Web")["Tags"] == [{"Key": "c", "Value": "d"}]
    iam.update_server_certificate(ServerCertificateName="Web", NewServerCertificateName="Web2", NewPath="/")
    assert code(iam.get_server_certificate, ServerCertificateName="Web") == "NoSuchEntity"
    moved = iam.get_server_certificate(ServerCertificateName="Web2")["ServerCertificate"]["ServerCertificateMetadata"]
    assert moved["ServerCertificateId"] == meta["ServerCertificateId"] and moved["Arn"].endswith("certificate/Web2")
    assert code(iam.update_server_certificate, ServerCertificateName="Web2",
                NewServerCertificateName="bare") == "EntityAlreadyExists"
    for name in ("Web2", "Bare"):
        iam.delete_server_certificate(ServerCertificateName=name)
        assert code(iam.delete_server_certificate, ServerCertificateName=name) == "NoSuchEntity"


def test_what_iam_does_not_take(weir, authority):
    iam = weir.client("iam")
    cert, key = (text.decode() for text in authority.sign("noiam.example"))
    _, other = conftest.certificate("other.example")
    upload = dict(ServerCertificateName="x", CertificateBody=cert, PrivateKey=key)
    for changed, kind in [
        (dict(CertificateBody="nonsense"), "MalformedCertificate"),
        (dict(PrivateKey="nonsense"), "MalformedCertificate"),
        (dict(CertificateChain="nonsense"), "MalformedCertificate"),
        (dict(PrivateKey=other.decode()), "KeyPairMismatch"),
        (dict(CertificateChain=conftest.certificate("a.example")[0].decode()), "MalformedCertificate"),
    ]:
        assert code(iam.upload_server_certificate, **(upload | changed)) == kind, changed
    for bad in (dict(ServerCertificateName="a b"), dict(Path="no/slash")):
        assert code(iam.upload_server_certificate, **(upload | bad)) in ("ValidationError", "InvalidInput")
    for n in range(20):
        iam.upload_server_certificate(**(upload | dict(ServerCertificateName=f"n{n}")))
    assert code(iam.upload_server_certificate, **upload) == "LimitExceeded"


def test_the_role_of_the_service_is_made_once(weir):
    iam = weir.client("iam")
    name = "elasticloadbalancing.amazonaws.com"
    role = iam.create_service_linked_role(AWSServiceName=name)["Role"]
    assert role["RoleName"] == "AWSServiceRoleForElasticLoadBalancing"
    assert role["Arn"].endswith(f":role/aws-service-role/{name}/{role['RoleName']}")
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": [name]}
    kind, message = says(iam.create_service_linked_role, AWSServiceName=name)
    assert kind == "InvalidInput" and "has been taken in this account" in message


# --- listeners


def https(weir, certificate_arn, port=443):
    elb, ec2 = weir.client("elbv2"), weir.client("ec2")
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
    lb = elb.create_load_balancer(Name=f"tls-{port}", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.create_listener(
        LoadBalancerArn=lb, Port=port, Protocol="HTTPS", Certificates=[{"CertificateArn": certificate_arn}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
    )["Listeners"][0]
    return lb, listener["ListenerArn"]


def test_certificates_in_use_stay(tmp_path):
    weir = Weir(tmp_path / "data", {"WEIR_ALLOW_UNSERVED_TYPES": "true"}).start()
    try:
        acm, iam, elb = weir.client("acm"), weir.client("iam"), weir.client("elbv2")
        cert, key = conftest.certificate("used.example")
        arn = acm.import_certificate(Certificate=cert, PrivateKey=key)["CertificateArn"]
        lb, listener = https(weir, arn)
        assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"] == [lb]
        assert acm.list_certificates()["CertificateSummaryList"][0]["InUse"] is True
        assert code(acm.delete_certificate, CertificateArn=arn) == "ResourceInUseException"
        meta = iam.upload_server_certificate(
            ServerCertificateName="used", CertificateBody=cert.decode(), PrivateKey=key.decode(),
        )["ServerCertificateMetadata"]
        elb.modify_listener(ListenerArn=listener, Certificates=[{"CertificateArn": meta["Arn"]}])
        assert code(iam.delete_server_certificate, ServerCertificateName="used") == "DeleteConflict"
        iam.update_server_certificate(ServerCertificateName="used", NewServerCertificateName="renamed")
        shown = elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["Certificates"]
        assert shown == [{"CertificateArn": meta["Arn"].replace("/used", "/renamed")}]
        acm.delete_certificate(CertificateArn=arn)
        elb.delete_listener(ListenerArn=listener)
        iam.delete_server_certificate(ServerCertificateName="renamed")
    finally:
        weir.stop()


# --- keys


def private_numbers(key, folder):
    """What of a private key must never be seen: the text's lines, and its inner bytes."""
    (pathlib.Path(folder) / "k").write_bytes(key)
    der = openssl(folder, "pkey", "-in", "k", "-outform", "DER")
    lines = [line for line in key.splitlines() if len(line) >= 60]
    # The end of the encoding holds the secret exponents.
    return lines[2:] + [der[-100:-40], base64.b64encode(der[-99:-39])]


def files(folder):
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path


def test_keys_are_nowhere_in_clear_and_survive_a_kill(tmp_path):
    weir = Weir(tmp_path / "data").start()
    try:
        acm, iam = weir.client("acm"), weir.client("iam")
        cert, key = conftest.certificate("secret.example")
        arn = acm.import_certificate(Certificate=cert, PrivateKey=key)["CertificateArn"]
        iam.upload_server_certificate(
            ServerCertificateName="secret", CertificateBody=cert.decode(), PrivateKey=key.decode())
        requested = acm.request_certificate(DomainName="own.example")["CertificateArn"]
        # A refused call must not leak its key either.
        _, other = conftest.certificate("other.example")
        assert code(acm.import_certificate, Certificate=cert, PrivateKey=other) == "ValidationException"
        weir.kill()
        secrets = private_numbers(key, tmp_path) + private_numbers(other, tmp_path)
        looked = 0
        for path in [*files(weir.data_dir), pathlib.Path(str(weir.data_dir) + ".log")]:
            content = path.read_bytes()
            looked += 1
            for secret in secrets:
                assert secret not in content, f"a private key is in {path}"
            assert b"PRIVATE KEY" not in content or path.name.startswith("tls"), path
        assert looked >= 4
        sealing = weir.data_dir / "sealing.key"
        assert sealing.stat().st_mode & 0o777 == 0o600 and sealing.stat().st_size == 32
        weir.start()
        acm, iam = weir.client("acm"), weir.client("iam")
        for one in (arn, requested):
            assert acm.describe_certificate(CertificateArn=one)["Certificate"]["Status"] == "ISSUED"
        assert iam.get_server_certificate(ServerCertificateName="secret")
        for call, arguments in [
            (acm.describe_certificate, dict(CertificateArn=arn)), (acm.get_certificate, dict(CertificateArn=arn)),
            (iam.get_server_certificate, dict(ServerCertificateName="secret")),
        ]:
            text = str(call(**arguments))
            assert "PRIVATE KEY" not in text and "v1." not in text
    finally:
        weir.stop()


def test_a_start_without_the_right_key_says_so(tmp_path):
    weir = Weir(tmp_path / "data").start()
    cert, key = conftest.certificate("kept.example")
    weir.client("acm").import_certificate(Certificate=cert, PrivateKey=key)
    weir.stop()
    sealing = weir.data_dir / "sealing.key"
    right = sealing.read_bytes()

    def refuses(text):
        with pytest.raises(RuntimeError) as caught:
            weir.start()
        weir.process.wait(10)
        assert text in str(caught.value), str(caught.value)[-2000:]

    sealing.unlink()
    refuses("is missing, but private keys in the store are sealed with it")
    assert not sealing.exists()
    sealing.write_bytes(bytes(32))
    sealing.chmod(0o600)
    refuses("does not open the private key of arn:aws:acm:")
    sealing.write_bytes(right)
    sealing.chmod(0o644)
    refuses("may be read or written by others")
    sealing.chmod(0o600)
    try:
        weir.start()
        assert len(weir.client("acm").list_certificates()["CertificateSummaryList"]) == 1
    finally:
        weir.stop()


def test_the_command_line_brings_a_certificate(shared_weir, tmp_path):
    cert, key = conftest.certificate("cli.example")
    (tmp_path / "c").write_bytes(cert)
    (tmp_path / "k").write_bytes(key)
    made = shared_weir.aws("acm", "import-certificate", "--certificate", f"fileb://{tmp_path}/c",
                           "--private-key", f"fileb://{tmp_path}/k")
    told = shared_weir.aws("acm", "describe-certificate", "--certificate-arn", made["CertificateArn"])
    assert told["Certificate"]["DomainName"] == "cli.example"
    up = shared_weir.aws("iam", "upload-server-certificate", "--server-certificate-name", "cli",
                         "--certificate-body", f"file://{tmp_path}/c", "--private-key", f"file://{tmp_path}/k")
    assert up["ServerCertificateMetadata"]["ServerCertificateName"] == "cli"
    shared_weir.aws("iam", "delete-server-certificate", "--server-certificate-name", "cli")


