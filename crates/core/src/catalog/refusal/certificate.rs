//! Refusals about certificates: those of listeners, of ACM and of IAM.
//!
//! ACM says `ValidationException` where load balancing says `ValidationError`; where one record
//! serves three APIs, each API has its own row.
//!
//! Invariant: as for the table that this one is part of; no text here ever holds a key.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use super::{Confidence, Row, refusals};

refusals! {
    /// Refusals about certificates.
    CertificateRefusal
    NotFound { arn } Recalled "CertificateNotFound"
        "Certificate '{arn}' not found";

    // --- ACM
    AcmNotFound { arn, account } Verified "ResourceNotFoundException"
        "Could not find certificate {arn} in account {account}.";
    AcmArnInvalid { arn } Recalled "InvalidArnException"
        "{arn} is not a valid ARN for a certificate.";
    AcmInUse { arn, account } Recalled "ResourceInUseException"
        "Certificate {arn} in account {account} is in use.";
    AcmTooMany { limit } Recalled "LimitExceededException"
        "You have reached the maximum number of certificates: {limit}";
    AcmTooManyTags { arn, limit } Recalled "TooManyTagsException"
        "Certificate {arn} cannot have more than {limit} tags.";
    AcmTagInvalid { reason } Recalled "InvalidTagException"
        "{reason}";
    AcmTagsOnReimport {} Verified "ValidationException"
        "Tagging is not permitted on re-import.";
    AcmReimportRequested { arn } Recalled "ValidationException"
        "Certificate {arn} is not an imported certificate; only imported certificates can be \
         imported again.";
    AcmReimportKey { old, new } Recalled "ValidationException"
        "The key algorithm of an imported certificate cannot change: it is {old}, not {new}.";
    AcmReimportUsage {} Recalled "ValidationException"
        "Key usages and extended key usages of an imported certificate cannot be removed.";
    AcmNoOptions { arn } Recalled "ValidationException"
        "The options of certificate {arn} cannot be updated: it is not of type AMAZON_ISSUED.";
    AcmMoreCertificates {} Verified "ValidationException"
        "The certificate field contains more than one certificate. You can specify only one \
         certificate in this field.";
    AcmNotPem { field } Verified "ValidationException"
        "The {field} is not a valid PEM-encoded {field}.";
    AcmChainInvalid { index } Verified "ValidationException"
        "Unable to validate certificate chain. The certificate chain must start with the \
         immediate signing certificate, followed by any intermediaries in order. The index within \
         the chain of the invalid certificate is: {index}";
    AcmChainMismatch {} Verified "ValidationException"
        "Could not validate the certificate with the certificate chain.";
    AcmNotSelfSigned {} Verified "ValidationException"
        "Provided certificate is not a valid self signed. Please provide either a valid \
         self-signed certificate or certificate chain.";
    AcmKeyEncrypted {} Recalled "ValidationException"
        "The private key is encrypted. Provide a private key that is not encrypted.";
    AcmKeyUnsupported {} Verified "ValidationException"
        "The private key is not supported.";
    AcmKeyMismatch {} Verified "ValidationException"
        "Could not validate the private key with the certificate.";
    AcmKeyAlgorithm { algorithm } Recalled "ValidationException"
        "The certificate has an unsupported key algorithm or key length: {algorithm}";
    AcmExpired {} Recalled "ValidationException"
        "The certificate has expired.";
    AcmNotYetValid {} Recalled "ValidationException"
        "The certificate is not valid yet.";
    AcmTooLarge { field } Recalled "ValidationException"
        "The {field} is too large.";
    AcmDomainInvalid { name } Recalled "ValidationException"
        "The domain name '{name}' is not valid.";
    AcmDomainOption { name } Recalled "InvalidDomainValidationOptionsException"
        "The domain name '{name}' in DomainValidationOptions is not a name of the certificate.";
    AcmTooManyNames { limit } Recalled "LimitExceededException"
        "The certificate cannot have more than {limit} domain names.";
    AcmRequestKeyAlgorithm { algorithm } Recalled "ValidationException"
        "The key algorithm '{algorithm}' is not supported for requested certificates.";
    AcmPrivateAuthority {} Own "InvalidParameterException"
        "Private certificate authorities are not available in this version of Weir.";
    AcmTokenInvalid {} Recalled "InvalidArgsException"
        "The pagination token is not valid.";
    AcmSortByWithoutOrder {} Recalled "ValidationException"
        "SortBy and SortOrder must be specified together.";

    // --- IAM
    IamNotFound { name } Verified "NoSuchEntity"
        "The Server Certificate with name {name} cannot be found.";
    IamNameTaken { name } Verified "EntityAlreadyExists"
        "The Server Certificate with name {name} already exists.";
    IamInUse { name, arn } Recalled "DeleteConflict"
        "Certificate: {name} is currently in use by {arn}. Please remove it first before deleting \
         it from IAM.";
    IamTooMany { limit } Verified "LimitExceeded"
        "Cannot exceed quota for ServerCertificatesPerAccount: {limit}";
    IamTooManyTags { limit } Recalled "LimitExceeded"
        "The number of tags has reached the maximum limit of {limit}.";
    IamTagInvalid { reason } Recalled "InvalidInput"
        "{reason}";
    IamMalformed { field } Verified "MalformedCertificate"
        "Unable to parse {field}. Please ensure the {field} is in PEM format.";
    IamChainMalformed {} Recalled "MalformedCertificate"
        "Unable to validate certificate chain. The certificate chain must start with the \
         immediate signing certificate, followed by any intermediaries in order.";
    IamExpired {} Recalled "MalformedCertificate"
        "The certificate is not within its validity period.";
    IamKeyMalformed {} Verified "MalformedCertificate"
        "Unable to parse key; the private key must be PEM-encoded and must not be encrypted.";
    IamKeyMismatch {} Recalled "KeyPairMismatch"
        "The public key certificate and the private key do not match.";
    IamKeyAlgorithm { algorithm } Recalled "MalformedCertificate"
        "The certificate has an unsupported key algorithm or key length: {algorithm}";
    IamRoleExists { name } Verified "InvalidInput"
        "Service role name {name} has been taken in this account, please try a different suffix.";
    IamServiceUnknown { service } Recalled "InvalidInput"
        "The service '{service}' has no service-linked role here.";
    IamServiceSuffix { service } Recalled "InvalidInput"
        "Custom suffix is not allowed for {service}";
}
