//! Why a credential is not taken, in a word for machines and a sentence for people.

/// Why a token or ticket is refused. Nothing in it says anything about a key, or about another holder's credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Not three parts, not base64url, not JSON of the right shape, too long.
    #[error("the token cannot be read; send a signed JWT of at most 8 KiB")]
    Malformed,
    /// `alg` is `none` or one the hub never takes.
    #[error("the algorithm of the token is none this hub takes; sign with EdDSA, ES256, RS256 or HS256")]
    UnsupportedAlgorithm,
    /// The key it names, or every key it could be of, is for another algorithm.
    #[error("the algorithm of the token is not the one its key is configured for")]
    WrongAlgorithm,
    /// It has critical extensions.
    #[error("the token has critical header extensions, which this hub does not know")]
    CriticalExtension,
    /// Its `typ` says that it is something else.
    #[error("the type of the token is not JWT")]
    WrongType,
    /// Its `iss` is not configured, or it has none although every issuer has a name.
    #[error("the issuer of the token is not configured at this hub")]
    UnknownIssuer,
    /// Its `kid` is not configured.
    #[error("the key id of the token is not configured at this hub")]
    UnknownKey,
    /// The keys of its issuer are still to be fetched.
    #[error("the keys of the token's issuer have not been fetched yet; try again in a moment")]
    KeysPending,
    /// The signature is not that of the key.
    #[error("the signature of the token is wrong")]
    BadSignature,
    /// No `exp`.
    #[error("the token has no exp; every token must end")]
    NoExpiry,
    /// `exp` has passed.
    #[error("the token has expired; get a new one")]
    Expired,
    /// `nbf` is to come.
    #[error("the token is not valid yet; check the clocks of this hub and of the issuer")]
    NotYetValid,
    /// `iat` is to come.
    #[error("the token was issued in the future; check the clocks of this hub and of the issuer")]
    IssuedInFuture,
    /// `aud` is missing or another.
    #[error("the audience of the token is not this hub")]
    WrongAudience,
    /// No claim `headwater`.
    #[error("the token has no claim \"headwater\" with the rights it gives")]
    NoRights,
    /// The claim `headwater` cannot be read.
    #[error(
        "the claim \"headwater\" of the token is not {{\"subscribe\":[patterns],\"publish\":[patterns],\"admin\":bool}} with at most 100 patterns each"
    )]
    BadRights,
    /// It was taken back.
    #[error("the credential was revoked; get a new one")]
    Revoked,
    /// No ticket of this text, or one whose time has passed.
    #[error("the ticket is unknown or its time has passed; get a new one")]
    UnknownTicket,
    /// The first stream of the ticket read something else.
    #[error("the ticket is in use for other topics; get another one for these")]
    OtherTopics,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Malformed,
        Self::UnsupportedAlgorithm,
        Self::WrongAlgorithm,
        Self::CriticalExtension,
        Self::WrongType,
        Self::UnknownIssuer,
        Self::UnknownKey,
        Self::KeysPending,
        Self::BadSignature,
        Self::NoExpiry,
        Self::Expired,
        Self::NotYetValid,
        Self::IssuedInFuture,
        Self::WrongAudience,
        Self::NoRights,
        Self::BadRights,
        Self::Revoked,
        Self::UnknownTicket,
        Self::OtherTopics,
    ];

    /// The word for machines.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnsupportedAlgorithm => "unsupported-algorithm",
            Self::WrongAlgorithm => "wrong-algorithm",
            Self::CriticalExtension => "critical-extension",
            Self::WrongType => "wrong-type",
            Self::UnknownIssuer => "unknown-issuer",
            Self::UnknownKey => "unknown-key",
            Self::KeysPending => "keys-pending",
            Self::BadSignature => "bad-signature",
            Self::NoExpiry => "no-expiry",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::IssuedInFuture => "issued-in-future",
            Self::WrongAudience => "wrong-audience",
            Self::NoRights => "no-rights",
            Self::BadRights => "bad-rights",
            Self::Revoked => "revoked",
            Self::UnknownTicket => "unknown-ticket",
            Self::OtherTopics => "other-topics",
        }
    }
}
