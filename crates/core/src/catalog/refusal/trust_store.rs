//! Refusals about trust stores.
//!
//! Invariant: as for the table that this one is part of.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use super::{Confidence, Row, refusals};

refusals! {
    /// Refusals about trust stores.
    TrustStoreRefusal
    NotFound { arn } Recalled "TrustStoreNotFound"
        "Trust store '{arn}' not found";
    NoneFound {} Recalled "TrustStoreNotFound"
        "One or more trust stores not found";
    ArnInvalid { arn } Recalled "ValidationError"
        "'{arn}' is not a valid trust store ARN";
    DescribeBoth {} Recalled "ValidationError"
        "Trust store names and trust store ARNs cannot be specified at the same time";
    NameTooLong { name } Recalled "ValidationError"
        "Trust store name '{name}' cannot be longer than '32' characters";
    NameCharacters { name } Recalled "ValidationError"
        "Trust store name '{name}' can only contain characters that are alphanumeric characters \
         or hyphens(-), and cannot begin or end with a hyphen or contain two in a row";
    NameTaken { name } Recalled "DuplicateTrustStoreName"
        "A trust store with the same name '{name}' exists, but with different settings";
    TooMany { limit } Recalled "TooManyTrustStores"
        "You have reached the maximum number of trust stores: [{limit}]";
    InUse { arn } Verified "TrustStoreInUse"
        "Trust store '{arn}' is currently in use by a listener";
    BundleNotFound { bucket, key } Recalled "CaCertificatesBundleNotFound"
        "The CA certificates bundle '{key}' was not found in the bucket '{bucket}'";
    BundleVersion { version } Own "CaCertificatesBundleNotFound"
        "The version '{version}' of the CA certificates bundle was not found: objects have no \
         versions here";
    BundleInvalid { reason } Recalled "InvalidCaCertificatesBundle"
        "The CA certificates bundle is not valid: {reason}";
    RevocationNotFound { id } Recalled "RevocationIdNotFound"
        "The revocation '{id}' was not found in the trust store";
    ContentMissing {} Recalled "ValidationError"
        "At least one revocation content must be specified";
    ContentPlace {} Recalled "ValidationError"
        "A revocation content must name an S3 bucket and an S3 key";
    ContentNotFound { bucket, key } Recalled "RevocationContentNotFound"
        "The revocation content '{key}' was not found in the bucket '{bucket}'";
    ContentVersion { version } Own "RevocationContentNotFound"
        "The version '{version}' of the revocation content was not found: objects have no \
         versions here";
    ContentInvalid { reason } Recalled "InvalidRevocationContent"
        "The revocation content is not valid: {reason}";
    TooManyEntries { limit } Recalled "TooManyTrustStoreRevocationEntries"
        "The trust store cannot have more than '{limit}' revoked entries";
    TooManyLists { limit } Recalled "TooManyTrustStoreRevocationEntries"
        "The trust store cannot have more than '{limit}' revocation lists";
    RevocationIdsMissing {} Recalled "ValidationError"
        "At least one revocation ID must be specified";
    AssociationNotFound { arn } Recalled "AssociationNotFound"
        "The resource '{arn}' is not associated with the trust store";
    AssociationSameAccount { arn } Recalled "DeleteAssociationSameAccount"
        "The association with '{arn}' cannot be deleted: it belongs to the same account as the \
         trust store";
    PolicyNotFound { arn } Recalled "ResourceNotFound"
        "The resource '{arn}' has no resource policy";
}
