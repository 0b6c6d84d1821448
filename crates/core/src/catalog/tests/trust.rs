//! Certificates and trust stores as the catalog decides on them.
//!
//! Invariant: each refusal that core itself decides is refused here once.

use super::world::{World, region, settings};
use crate::catalog::command::*;
use crate::catalog::{Command, Decision, PageRequest, Resource};
use crate::resource::*;

const ARN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/1";

fn facts(name: &str) -> CertificateFacts {
    CertificateFacts {
        domain: name.to_owned(),
        names: vec![name.to_owned()],
        serial: "01".to_owned(),
        subject: format!("CN={name}"),
        issuer: format!("CN={name}"),
        issuer_name: name.to_owned(),
        key_algorithm: "RSA_2048".to_owned(),
        signature_algorithm: "SHA256WITHRSA".to_owned(),
        not_before_ms: 0,
        not_after_ms: i64::MAX,
        key_usages: vec!["DIGITAL_SIGNATURE".to_owned()],
        extended_key_usages: Vec::new(),
    }
}

pub(super) fn draft(name: &str) -> CertificateDraft {
    let key = SealedKey { sealed: format!("sealed for {name}") };
    CertificateDraft { body: format!("body of {name}"), chain: None, key, facts: facts(name) }
}

pub(super) fn import(arn: &str, again: bool, draft: CertificateDraft) -> CertificateImport {
    CertificateImport { region: region(), arn: arn.to_owned(), again, draft, tags: Vec::new() }
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

fn issue(arn: &str, token: &str) -> Command {
    Command::CertificateIssue(CertificateIssue {
        region: region(),
        arn: arn.to_owned(),
        draft: draft("a.example"),
        request: CertificateRequest {
            token: Some(token.to_owned()),
            validation_method: "DNS".to_owned(),
            validation_domains: Vec::new(),
        },
        transparency_logging: true,
        export: false,
        tags: Vec::new(),
    })
}

fn acm(arn: &str) -> ArnInput {
    ArnInput { region: region(), arn: arn.to_owned() }
}

fn bundle(name: &str) -> BundleDraft {
    BundleDraft { blob: format!("blob of {name}"), certificates: 2, subject_bytes: 100 }
}

pub(super) fn create(name: &str) -> TrustStoreCreate {
    let name = name.to_owned();
    TrustStoreCreate { region: region(), bundle: bundle(&name), name, tags: Vec::new() }
}

fn store_of(world: &World, decision: &Decision) -> TrustStore {
    match world.catalog.record(&decision.subjects[0]) {
        Some(Resource::TrustStore(store)) => store,
        other => panic!("no trust store: {other:?}"),
    }
}

fn add(arn: &TrustStoreArn, entries: &[u64]) -> Command {
    let list = |entries: &u64| RevocationDraft { blob: format!("{entries}"), entries: *entries };
    let lists = entries.iter().map(list).collect();
    Command::RevocationsAdd(RevocationsAdd { region: region(), arn: arn.to_string(), lists })
}

fn remove(arn: &TrustStoreArn, ids: &[i64]) -> Command {
    let (arn, ids) = (arn.to_string(), ids.to_vec());
    Command::RevocationsRemove(RevocationsRemove { region: region(), arn, ids })
}

fn code(world: &World, command: &Command) -> &'static str {
    let mut rng = world.rng.clone();
    world.catalog.apply(command, world.now, &mut rng).unwrap_err().code()
}

#[test]
fn certificates_come_again_and_go() {
    let mut world = World::new();
    world.run(&Command::CertificateImport(import(ARN, false, draft("a.example"))));
    world.later(5);
    world.run(&Command::CertificateImport(import(ARN, true, draft("b.example"))));
    let found = world.catalog.certificate(ARN).unwrap();
    assert_eq!(found.facts.domain, "b.example");
    assert_eq!(found.imported_ms - found.created_ms, 5);
    assert!(world.catalog.certificate_named_by(&region(), ARN).is_ok());
    let elsewhere = Region::new("eu-west-1");
    assert!(world.catalog.certificate_named_by(&elsewhere, ARN).is_err());

    let mut other_key = draft("b.example");
    other_key.facts.key_algorithm = "EC_prime256v1".to_owned();
    let mut less_usage = draft("b.example");
    less_usage.facts.key_usages.clear();
    for draft in [other_key, less_usage] {
        let again = Command::CertificateImport(import(ARN, true, draft));
        assert_eq!(code(&world, &again), "ValidationException");
    }
    let mut tagged = import(ARN, true, draft("b.example"));
    tagged.tags = vec![("a".into(), "b".into())];
    assert_eq!(code(&world, &Command::CertificateImport(tagged)), "ValidationException");
    let options = |arn: &str| {
        let (arn, transparency_logging) = (arn.to_owned(), Some(false));
        let options = CertificateOptionsUpdate { region: region(), arn, transparency_logging };
        Command::CertificateOptionsUpdate(options)
    };
    assert_eq!(code(&world, &options(ARN)), "ValidationException");
    world.run(&Command::CertificateDelete(acm(ARN)));
    for gone in [Command::CertificateDelete(acm(ARN)), options(ARN)] {
        assert_eq!(code(&world, &gone), "ResourceNotFoundException");
    }
}

#[test]
fn a_request_is_made_once_per_token() {
    let mut world = World::new();
    let first = world.run(&issue(ARN, "t"));
    let again = world.run(&issue("arn:aws:acm:us-east-1:123456789012:certificate/2", "t"));
    assert_eq!(first.subjects, again.subjects);
    assert!(again.changes.is_empty());
    world.later(3_600_000);
    let late = world.run(&issue("arn:aws:acm:us-east-1:123456789012:certificate/3", "t"));
    assert_ne!(first.subjects, late.subjects);
    let again = Command::CertificateImport(import(ARN, true, draft("a.example")));
    assert_eq!(code(&world, &again), "ValidationException");
}

#[test]
fn tags_of_certificates() {
    let mut world = World::new();
    world.run(&Command::CertificateImport(import(ARN, false, draft("a.example"))));
    let tag = |pairs: &[(&str, &str)]| {
        let tags = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Command::CertificateTag(CertificateTag { region: region(), arn: ARN.into(), tags })
    };
    world.run(&tag(&[("a", "1"), ("b", "2")]));
    assert_eq!(code(&world, &tag(&[("aws:x", "1")])), "InvalidTagException");
    let many: Vec<(String, String)> = (0..50).map(|n| (format!("k{n}"), String::new())).collect();
    let many = CertificateTag { region: region(), arn: ARN.into(), tags: many };
    assert_eq!(code(&world, &Command::CertificateTag(many)), "TooManyTagsException");
    let untag = |tags: &[(&str, Option<&str>)]| {
        let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned))).collect();
        Command::CertificateUntag(CertificateUntag { region: region(), arn: ARN.into(), tags })
    };
    world.run(&untag(&[("a", Some("other")), ("b", None)]));
    let left: Vec<_> = world.catalog.certificate(ARN).unwrap().tags.keys().cloned().collect();
    assert_eq!(left, ["a"]);
}

#[test]
fn certificates_of_iam_have_one_name_whatever_its_case() {
    let mut world = World::new();
    world.run(&Command::ServerCertificateUpload(upload("Web")));
    let arn = "arn:aws:iam::123456789012:server-certificate/Web";
    let elsewhere = Region::new("eu-west-1");
    assert!(world.catalog.certificate_named_by(&elsewhere, arn).is_ok(), "IAM serves all regions");
    let again = Command::ServerCertificateUpload(upload("web"));
    assert_eq!(code(&world, &again), "EntityAlreadyExists");
    world.run(&Command::ServerCertificateUpload(upload("other")));
    let update = |name: &str, path: Option<&str>, new: Option<&str>| {
        Command::ServerCertificateUpdate(ServerCertificateUpdate {
            region: region(),
            name: name.to_owned(),
            new_path: path.map(str::to_owned),
            new_name: new.map(str::to_owned),
        })
    };
    assert_eq!(code(&world, &update("other", None, Some("WEB"))), "EntityAlreadyExists");
    assert_eq!(code(&world, &update("none", None, Some("x"))), "NoSuchEntity");
    world.run(&update("web", Some("/a/b/"), Some("WEB")));
    let found = world.catalog.server_certificate_named("web").unwrap();
    assert_eq!(found.arn.as_str(), "arn:aws:iam::123456789012:server-certificate/a/b/WEB");
    assert_eq!(found.seal_context(), "ASCAWeb", "the sealed key survives the new name");
    assert!(world.catalog.certificate(arn).is_none());
    let name = |name: &str| ServerCertificateName { region: region(), name: name.to_owned() };
    world.run(&Command::ServerCertificateDelete(name("wEb")));
    let gone = Command::ServerCertificateDelete(name("web"));
    assert_eq!(code(&world, &gone), "NoSuchEntity");
    let mut settings = settings();
    settings.quotas.server_certificates = 0;
    let full = World::with(settings);
    assert_eq!(code(&full, &Command::ServerCertificateUpload(upload("x"))), "LimitExceeded");
}

#[test]
fn a_service_has_one_role() {
    let mut world = World::new();
    let create = |service: &str, suffix: Option<&str>| {
        Command::ServiceRoleCreate(ServiceRoleCreate {
            region: region(),
            service: service.to_owned(),
            description: None,
            suffix: suffix.map(str::to_owned),
        })
    };
    let elb = "elasticloadbalancing.amazonaws.com";
    assert_eq!(code(&world, &create("other.amazonaws.com", None)), "InvalidInput");
    assert_eq!(code(&world, &create(elb, Some("x"))), "InvalidInput");
    world.run(&create(elb, None));
    assert_eq!(code(&world, &create(elb, None)), "InvalidInput");
}

#[test]
fn revocation_ids_are_never_used_again() {
    let mut world = World::new();
    let made = world.run(&Command::TrustStoreCreate(create("authorities")));
    let arn = store_of(&world, &made).arn;
    world.run(&add(&arn, &[10, 20]));
    world.run(&remove(&arn, &[2]));
    let added = world.run(&add(&arn, &[30]));
    let store = store_of(&world, &added);
    let ids: Vec<u64> = store.revocations.iter().map(|list| list.id).collect();
    assert_eq!((ids, store.revoked_entries()), (vec![1, 3], 40));
    for ids in [&[2][..], &[1, 2], &[0], &[-1]] {
        assert_eq!(code(&world, &remove(&arn, ids)), "RevocationIdNotFound");
    }
    assert_eq!(code(&world, &remove(&arn, &[])), "ValidationError");
    assert_eq!(code(&world, &add(&arn, &[])), "ValidationError");
    let too_many = "TooManyTrustStoreRevocationEntries";
    assert_eq!(code(&world, &add(&arn, &[500_000])), too_many);
    assert_eq!(code(&world, &add(&arn, &[0; 29])), too_many);
    let page = |marker, size| PageRequest { marker, size };
    let first = world.catalog.revocations_describe(&region(), arn.as_str(), &[], page(None, 1));
    let first = first.unwrap();
    assert_eq!((first.items[0].id, first.next.as_deref()), (1, Some("1")));
    let marker = first.next.as_deref();
    let rest = world.catalog.revocations_describe(&region(), arn.as_str(), &[], page(marker, 5));
    assert_eq!((rest.as_ref().unwrap().items[0].id, rest.unwrap().next), (3, None));
}

#[test]
fn trust_stores_have_names_and_quotas() {
    let mut world = World::new();
    let made = world.run(&Command::TrustStoreCreate(create("one")));
    let again = world.run(&Command::TrustStoreCreate(create("one")));
    assert_eq!(made.subjects, again.subjects, "the same again is the same");
    let other = TrustStoreCreate { bundle: bundle("other"), ..create("one") };
    assert_eq!(code(&world, &Command::TrustStoreCreate(other)), "DuplicateTrustStoreName");
    for bad in ["-a", "a-", "a--b", "a_b", "", &"a".repeat(33)] {
        let create = Command::TrustStoreCreate(create(bad));
        assert_eq!(code(&world, &create), "ValidationError", "{bad}");
    }
    let oversized = [
        BundleDraft { certificates: 26, ..bundle("x") },
        BundleDraft { subject_bytes: 10_001, ..bundle("x") },
    ];
    for bundle in oversized {
        let create = Command::TrustStoreCreate(TrustStoreCreate { bundle, ..create("x") });
        assert_eq!(code(&world, &create), "InvalidCaCertificatesBundle");
    }
    for n in 0..19 {
        world.run(&Command::TrustStoreCreate(create(&format!("n{n}"))));
    }
    let more = Command::TrustStoreCreate(create("more"));
    assert_eq!(code(&world, &more), "TooManyTrustStores");
    let page = |names: &[&str], marker, size| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let page = PageRequest { marker, size };
        let found = world.catalog.trust_stores_describe(&region(), &[], &names, page);
        found.map(|page| (page.items.len(), page.next)).map_err(|refusal| refusal.code())
    };
    assert_eq!(page(&["one", "n3"], None, 1), Ok((2, None)));
    assert_eq!(page(&["one", "nobody"], None, 1), Err("TrustStoreNotFound"));
    assert_eq!(page(&[], Some("n9"), 1), Ok((1, None)));
    assert_eq!(page(&[], None, 19), Ok((19, Some("n9".to_owned()))));
    let arn = made.subjects[0].id().to_owned();
    let association = |arn: &str| {
        let (arn, resource) = (arn.to_owned(), "arn:aws:x".to_owned());
        let input = TrustStoreAssociationDelete { region: region(), arn, resource };
        Command::TrustStoreAssociationDelete(input)
    };
    assert_eq!(code(&world, &association(&arn)), "AssociationNotFound");
    assert_eq!(code(&world, &association("arn:aws:x")), "ValidationError");
    world.run(&Command::TrustStoreDelete(acm(&arn)));
    assert_eq!(code(&world, &Command::TrustStoreDelete(acm(&arn))), "TrustStoreNotFound");
    assert_eq!(code(&world, &association(&arn)), "TrustStoreNotFound");
}
