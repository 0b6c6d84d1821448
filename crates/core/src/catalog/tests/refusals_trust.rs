//! Refusals about certificates and trust stores, each with its exact text.
//!
//! What bytes hold (PEM, keys, chains, objects of buckets) is judged before a command exists, so
//! those rows are not reached through the catalog: here their texts are compared, and the API's
//! own tests provoke them.
//!
//! Invariant: see `refusals`, which counts them.
// spec: control-plane §3.2 The rest, minimal action sets
// spec: alb §8.3 Trust store

use super::refusals_routing::{allow, secure};
use super::trust::{create, draft, import};
use super::world::*;
use crate::catalog::command::*;
use crate::catalog::{CertificateRefusal, Command, PageRequest, Refusal, TrustStoreRefusal};
use crate::resource::*;

/// What `refusals` counts.
pub(super) const AREAS: &[fn(&mut World)] = &[
    acm,
    acm_again,
    acm_tags,
    iam,
    iam_tags,
    service_roles,
    stores,
    store_lookups,
    bundles,
    revocations,
    associations,
    certificate_texts,
    server_certificate_texts,
    trust_store_texts,
];

/// The certificate that listeners of these tests use.
const ARN: &str = super::refusals_routing::CERTIFICATE;
const STORE: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:truststore/none/0123456789abcdef";

fn imported(arn: &str) -> Command {
    Command::CertificateImport(import(arn, false, draft("a.example")))
}

fn issued(arn: &str) -> CertificateIssue {
    CertificateIssue {
        region: region(),
        arn: arn.to_owned(),
        draft: draft("a.example"),
        request: CertificateRequest {
            token: None,
            validation_method: "DNS".to_owned(),
            validation_domains: Vec::new(),
        },
        transparency_logging: true,
        export: false,
        tags: Vec::new(),
    }
}

fn upload(name: &str) -> ServerCertificateUpload {
    ServerCertificateUpload {
        region: region(),
        name: name.to_owned(),
        path: "/".to_owned(),
        id: format!("ASCA{name}"),
        draft: draft(name),
        tags: Vec::new(),
    }
}

fn server_certificate_gone(name: &str) -> Command {
    let name = name.to_owned();
    Command::ServerCertificateDelete(ServerCertificateName { region: region(), name })
}

/// A load balancer with an HTTPS listener that has this certificate, and that listener's input.
fn secured(w: &mut World, certificate: &str) -> (String, ListenerCreate) {
    allow(w);
    let lb = w.lb("secured");
    let base = secure(&lb, 443, "HTTPS", fixed("200"));
    let certificates = Some(strings(&[certificate]));
    let tls = TlsInput { certificates, ..TlsInput::default() };
    (lb, ListenerCreate { tls, ..base })
}

// --- ACM

fn acm(w: &mut World) {
    let text = format!("Could not find certificate {ARN} in account 123456789012.");
    w.refuse("AcmNotFound", &Command::CertificateDelete(arn(ARN)), &text);
    let (_, input) = secured(w, ARN);
    let text = format!("Certificate '{ARN}' not found");
    w.refuse("NotFound", &Command::ListenerCreate(input.clone()), &text);
    w.run(&imported(ARN));
    w.run(&Command::ListenerCreate(input));
    let text = format!("Certificate {ARN} in account 123456789012 is in use.");
    w.refuse("AcmInUse", &Command::CertificateDelete(arn(ARN)), &text);
    let options = Command::CertificateOptionsUpdate(CertificateOptionsUpdate {
        region: region(),
        arn: ARN.to_owned(),
        transparency_logging: Some(false),
    });
    let text = format!(
        "The options of certificate {ARN} cannot be updated: it is not of type AMAZON_ISSUED."
    );
    w.refuse("AcmNoOptions", &options, &text);
    w.catalog.settings.quotas.certificates = 1;
    let other = ARN.replace("0001", "0002");
    let text = "You have reached the maximum number of certificates: 1";
    w.refuse("AcmTooMany", &imported(&other), text);
    w.refuse("AcmTooMany", &Command::CertificateIssue(issued(&other)), text);
}

fn acm_again(w: &mut World) {
    w.run(&imported(ARN));
    let again = |draft| import(ARN, true, draft);
    let tagged = CertificateImport { tags: pairs(&[("a", "b")]), ..again(draft("a.example")) };
    let text = "Tagging is not permitted on re-import.";
    w.refuse("AcmTagsOnReimport", &Command::CertificateImport(tagged), text);
    let mut key = draft("a.example");
    key.facts.key_algorithm = "EC_prime256v1".to_owned();
    let text = "The key algorithm of an imported certificate cannot change: it is RSA_2048, not \
                EC_prime256v1.";
    w.refuse("AcmReimportKey", &Command::CertificateImport(again(key)), text);
    let mut usage = draft("a.example");
    usage.facts.key_usages.clear();
    let text = "Key usages and extended key usages of an imported certificate cannot be removed.";
    w.refuse("AcmReimportUsage", &Command::CertificateImport(again(usage)), text);
    let other = ARN.replace("0001", "0002");
    w.run(&Command::CertificateIssue(issued(&other)));
    let requested = Command::CertificateImport(import(&other, true, draft("a.example")));
    let text = format!(
        "Certificate {other} is not an imported certificate; only imported certificates can be \
         imported again."
    );
    w.refuse("AcmReimportRequested", &requested, &text);
}

fn acm_tags(w: &mut World) {
    w.run(&imported(ARN));
    let tag = |tags: Pairs| {
        Command::CertificateTag(CertificateTag { region: region(), arn: ARN.into(), tags })
    };
    let many = (0..51).map(|n| (format!("k{n}"), String::new())).collect();
    let text = format!("Certificate {ARN} cannot have more than 50 tags.");
    w.refuse("AcmTooManyTags", &tag(many), &text);
    let text = "Tag key 'aws:x' is not valid: keys that begin with 'aws:' are reserved";
    w.refuse("AcmTagInvalid", &tag(pairs(&[("aws:x", "")])), text);
}

// --- IAM

fn iam(w: &mut World) {
    let text = "The Server Certificate with name web cannot be found.";
    w.refuse("IamNotFound", &server_certificate_gone("web"), text);
    w.run(&Command::ServerCertificateUpload(upload("web")));
    let text = "The Server Certificate with name WEB already exists.";
    w.refuse("IamNameTaken", &Command::ServerCertificateUpload(upload("WEB")), text);
    let (lb, input) = secured(w, "arn:aws:iam::123456789012:server-certificate/web");
    w.run(&Command::ListenerCreate(input));
    let text = format!(
        "Certificate: web is currently in use by {lb}. Please remove it first before deleting it \
         from IAM."
    );
    w.refuse("IamInUse", &server_certificate_gone("web"), &text);
    w.catalog.settings.quotas.server_certificates = 1;
    let text = "Cannot exceed quota for ServerCertificatesPerAccount: 1";
    w.refuse("IamTooMany", &Command::ServerCertificateUpload(upload("more")), text);
}

fn iam_tags(w: &mut World) {
    w.run(&Command::ServerCertificateUpload(upload("web")));
    let tag = |tags: Pairs| {
        let name = "web".to_owned();
        Command::ServerCertificateTag(ServerCertificateTag { region: region(), name, tags })
    };
    let many = (0..51).map(|n| (format!("k{n}"), String::new())).collect();
    let text = "The number of tags has reached the maximum limit of 50.";
    w.refuse("IamTooManyTags", &tag(many), text);
    let text = "Tag key was specified more than once: a";
    w.refuse("IamTagInvalid", &tag(pairs(&[("a", "1"), ("a", "2")])), text);
}

fn service_roles(w: &mut World) {
    let create = |service: &str, suffix: Option<&str>| {
        Command::ServiceRoleCreate(ServiceRoleCreate {
            region: region(),
            service: service.to_owned(),
            description: None,
            suffix: suffix.map(str::to_owned),
        })
    };
    let elb = "elasticloadbalancing.amazonaws.com";
    let text = "The service 'x.amazonaws.com' has no service-linked role here.";
    w.refuse("IamServiceUnknown", &create("x.amazonaws.com", None), text);
    let text = "Custom suffix is not allowed for elasticloadbalancing.amazonaws.com";
    w.refuse("IamServiceSuffix", &create(elb, Some("x")), text);
    w.run(&create(elb, None));
    let text = "Service role name AWSServiceRoleForElasticLoadBalancing has been taken in this \
                account, please try a different suffix.";
    w.refuse("IamRoleExists", &create(elb, None), text);
}

// --- trust stores

fn stores(w: &mut World) {
    let new = |name: &str| Command::TrustStoreCreate(create(name));
    let long = "a".repeat(33);
    let text = format!("Trust store name '{long}' cannot be longer than '32' characters");
    w.refuse("NameTooLong", &new(&long), &text);
    for name in ["a_b", "-a", "a-", "a--b", ""] {
        let text = format!(
            "Trust store name '{name}' can only contain characters that are alphanumeric \
             characters or hyphens(-), and cannot begin or end with a hyphen or contain two in a \
             row"
        );
        w.refuse("NameCharacters", &new(name), &text);
    }
    w.run(&new("store"));
    let tags = pairs(&[("a", "b")]);
    let tagged = Command::TrustStoreCreate(TrustStoreCreate { tags, ..create("store") });
    let text = "A trust store with the same name 'store' exists, but with different settings";
    w.refuse("NameTaken", &tagged, text);
    w.catalog.settings.quotas.trust_stores = 1;
    let text = "You have reached the maximum number of trust stores: [1]";
    w.refuse("TooMany", &new("more"), text);
}

fn store_lookups(w: &mut World) {
    let text = "'x' is not a valid trust store ARN";
    w.refuse("ArnInvalid", &Command::TrustStoreDelete(arn("x")), text);
    let text = format!("Trust store '{STORE}' not found");
    w.refuse("NotFound", &Command::TrustStoreDelete(arn(STORE)), &text);
    let (c, r, page) = (w.catalog.clone(), region(), PageRequest::first());
    let (some, none) = (strings(&["x"]), strings(&[]));
    let refusal = c.trust_stores_describe(&r, &some, &some, page).unwrap_err();
    let text = "Trust store names and trust store ARNs cannot be specified at the same time";
    w.note("DescribeBoth", &refusal, text);
    let text = "One or more trust stores not found";
    let refusal = c.trust_stores_describe(&r, &none, &some, page).unwrap_err();
    w.note("NoneFound", &refusal, text);
    let refusal = c.trust_stores_describe(&r, &strings(&[STORE]), &none, page).unwrap_err();
    w.note("NoneFound", &refusal, text);
}

fn bundles(w: &mut World) {
    let store = w.subject(&Command::TrustStoreCreate(create("store")));
    w.catalog.settings.quotas.certificates_per_trust_store = 2;
    w.catalog.settings.quotas.subject_bytes_per_trust_store = 10;
    let fits = BundleDraft { blob: "blob".to_owned(), certificates: 2, subject_bytes: 10 };
    let modify = |bundle: BundleDraft| {
        let arn = store.clone();
        Command::TrustStoreModify(TrustStoreModify { region: region(), arn, bundle })
    };
    let text = "The CA certificates bundle is not valid: it has more than '2' certificates";
    w.refuse("BundleInvalid", &modify(BundleDraft { certificates: 3, ..fits.clone() }), text);
    let text = "The CA certificates bundle is not valid: the subjects of its certificates exceed \
                '10' bytes";
    w.refuse("BundleInvalid", &modify(BundleDraft { subject_bytes: 11, ..fits.clone() }), text);
    w.run(&modify(fits));
}

fn revocations(w: &mut World) {
    let store = w.subject(&Command::TrustStoreCreate(create("store")));
    let add = |entries: &[u64]| {
        let list =
            |entries: &u64| RevocationDraft { blob: format!("{entries}"), entries: *entries };
        let (arn, lists) = (store.clone(), entries.iter().map(list).collect());
        Command::RevocationsAdd(RevocationsAdd { region: region(), arn, lists })
    };
    let remove = |ids: &[i64]| {
        let (arn, ids) = (store.clone(), ids.to_vec());
        Command::RevocationsRemove(RevocationsRemove { region: region(), arn, ids })
    };
    w.refuse("ContentMissing", &add(&[]), "At least one revocation content must be specified");
    w.refuse("RevocationIdsMissing", &remove(&[]), "At least one revocation ID must be specified");
    w.catalog.settings.quotas.revocation_lists_per_trust_store = 2;
    w.catalog.settings.quotas.revoked_entries_per_trust_store = 9;
    w.run(&add(&[4]));
    let text = "The revocation '2' was not found in the trust store";
    w.refuse("RevocationNotFound", &remove(&[1, 2]), text);
    let text = "The trust store cannot have more than '2' revocation lists";
    w.refuse("TooManyLists", &add(&[1, 1]), text);
    let text = "The trust store cannot have more than '9' revoked entries";
    w.refuse("TooManyEntries", &add(&[6]), text);
    w.run(&add(&[5]));
}

fn associations(w: &mut World) {
    w.run(&imported(ARN));
    let store = w.subject(&Command::TrustStoreCreate(create("store")));
    let (lb, input) = secured(w, ARN);
    let delete = Command::TrustStoreAssociationDelete(TrustStoreAssociationDelete {
        region: region(),
        arn: store.clone(),
        resource: lb.clone(),
    });
    let text = format!("The resource '{lb}' is not associated with the trust store");
    w.refuse("AssociationNotFound", &delete, &text);
    let mutual = MutualInput {
        mode: Some("verify".to_owned()),
        trust_store: Some(store.clone()),
        ..MutualInput::default()
    };
    let tls = TlsInput { mutual_authentication: Some(mutual), ..input.tls.clone() };
    let listener = w.subject(&Command::ListenerCreate(ListenerCreate { tls, ..input }));
    let text = format!(
        "The association with '{lb}' cannot be deleted: it belongs to the same account as the \
         trust store"
    );
    w.refuse("AssociationSameAccount", &delete, &text);
    let text = format!("Trust store '{store}' is currently in use by a listener");
    w.refuse("InUse", &Command::TrustStoreDelete(arn(&store)), &text);
    w.run(&Command::ListenerDelete(arn(&listener)));
    w.run(&Command::TrustStoreDelete(arn(&store)));
}

// --- texts of what is judged before there is a command

fn note_all(w: &mut World, cases: impl IntoIterator<Item = (Refusal, &'static str)>) {
    for (refusal, text) in cases {
        w.note(refusal.kind(), &refusal, text);
    }
}

fn certificate_texts(w: &mut World) {
    use CertificateRefusal as R;
    let word = |text: &str| text.to_owned();
    let cases = [
        (R::AcmArnInvalid { arn: word("x") }, "x is not a valid ARN for a certificate."),
        (
            R::AcmMoreCertificates {},
            "The certificate field contains more than one certificate. You can specify only one \
             certificate in this field.",
        ),
        (
            R::AcmNotPem { field: word("certificate") },
            "The certificate is not a valid PEM-encoded certificate.",
        ),
        (
            R::AcmChainInvalid { index: word("1") },
            "Unable to validate certificate chain. The certificate chain must start with the \
             immediate signing certificate, followed by any intermediaries in order. The index \
             within the chain of the invalid certificate is: 1",
        ),
        (R::AcmChainMismatch {}, "Could not validate the certificate with the certificate chain."),
        (
            R::AcmNotSelfSigned {},
            "Provided certificate is not a valid self signed. Please provide either a valid \
             self-signed certificate or certificate chain.",
        ),
        (R::AcmExpired {}, "The certificate has expired."),
        (R::AcmNotYetValid {}, "The certificate is not valid yet."),
        (R::AcmTooLarge { field: word("certificate") }, "The certificate is too large."),
        (
            R::AcmKeyEncrypted {},
            "The private key is encrypted. Provide a private key that is not encrypted.",
        ),
        (R::AcmKeyUnsupported {}, "The private key is not supported."),
        (R::AcmKeyMismatch {}, "Could not validate the private key with the certificate."),
        (
            R::AcmKeyAlgorithm { algorithm: word("RSA_512") },
            "The certificate has an unsupported key algorithm or key length: RSA_512",
        ),
    ];
    note_all(w, cases.map(|(row, text)| (row.into(), text)));
    request_texts(w);
}

fn request_texts(w: &mut World) {
    use CertificateRefusal as R;
    let word = |text: &str| text.to_owned();
    let cases = [
        (R::AcmDomainInvalid { name: word("x") }, "The domain name 'x' is not valid."),
        (
            R::AcmDomainOption { name: word("x") },
            "The domain name 'x' in DomainValidationOptions is not a name of the certificate.",
        ),
        (
            R::AcmTooManyNames { limit: word("10") },
            "The certificate cannot have more than 10 domain names.",
        ),
        (
            R::AcmRequestKeyAlgorithm { algorithm: word("RSA_1024") },
            "The key algorithm 'RSA_1024' is not supported for requested certificates.",
        ),
        (
            R::AcmPrivateAuthority {},
            "Private certificate authorities are not available in this version of Weir.",
        ),
        (R::AcmTokenInvalid {}, "The pagination token is not valid."),
        (R::AcmSortByWithoutOrder {}, "SortBy and SortOrder must be specified together."),
    ];
    note_all(w, cases.map(|(row, text)| (row.into(), text)));
}

fn server_certificate_texts(w: &mut World) {
    use CertificateRefusal as R;
    let cases = [
        (
            R::IamMalformed { field: "certificate".to_owned() },
            "Unable to parse certificate. Please ensure the certificate is in PEM format.",
        ),
        (
            R::IamChainMalformed {},
            "Unable to validate certificate chain. The certificate chain must start with the \
             immediate signing certificate, followed by any intermediaries in order.",
        ),
        (R::IamExpired {}, "The certificate is not within its validity period."),
        (
            R::IamKeyMalformed {},
            "Unable to parse key; the private key must be PEM-encoded and must not be encrypted.",
        ),
        (R::IamKeyMismatch {}, "The public key certificate and the private key do not match."),
        (
            R::IamKeyAlgorithm { algorithm: "RSA_512".to_owned() },
            "The certificate has an unsupported key algorithm or key length: RSA_512",
        ),
    ];
    note_all(w, cases.map(|(row, text)| (row.into(), text)));
}

fn trust_store_texts(w: &mut World) {
    use TrustStoreRefusal as R;
    let (bucket, key) = ("b".to_owned(), "k".to_owned());
    let version = "1".to_owned();
    let cases = [
        (
            R::BundleNotFound { bucket: bucket.clone(), key: key.clone() },
            "The CA certificates bundle 'k' was not found in the bucket 'b'",
        ),
        (
            R::BundleVersion { version: version.clone() },
            "The version '1' of the CA certificates bundle was not found: objects have no \
             versions here",
        ),
        (R::ContentPlace {}, "A revocation content must name an S3 bucket and an S3 key"),
        (
            R::ContentNotFound { bucket, key },
            "The revocation content 'k' was not found in the bucket 'b'",
        ),
        (
            R::ContentVersion { version },
            "The version '1' of the revocation content was not found: objects have no versions \
             here",
        ),
        (
            R::ContentInvalid { reason: "it is empty".to_owned() },
            "The revocation content is not valid: it is empty",
        ),
        (R::PolicyNotFound { arn: "x".to_owned() }, "The resource 'x' has no resource policy"),
    ];
    note_all(w, cases.map(|(row, text)| (row.into(), text)));
}
