"""What storage or the network said -> one sentence that ends in the next step.

Knows the codes of S3, GCS and Azure and the words of obstore's errors. Knows nothing of models or versions. Codes come
first: they stand inside `<Code>` of the answer and say more than the kind of exception, which is 403 for a wrong clock
and a wrong key alike.

Invariant: whatever obstore raises becomes a StorageDown; its long text, with addresses and request ids, never reaches a
user.
"""

from __future__ import annotations

from despam.errors import StorageDown

# (words to look for in the error's text, sentence); the first that fits
CODES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("NoSuchBucket", "ContainerNotFound"), "the bucket does not exist; make it, or correct the name"),
    (
        ("RequestTimeTooSkewed", "RequestExpired"),
        "this machine's clock is wrong by more than storage accepts; set it (timedatectl set-ntp true)",
    ),
    (
        ("ExpiredToken", "TokenRefreshRequired", "ExpiredAuthenticationToken"),
        "the credentials have expired; get new ones (aws sso login, or aws configure)",
    ),
    (
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId", "AuthenticationFailed"),
        "the credentials are wrong; check KEYS",
    ),
    (
        (
            "PermanentRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraint",
            "Received redirect",
            "301 Moved",
        ),
        "the bucket is in another region; set AWS_REGION to the bucket's region",
    ),
    (
        ("kms:Decrypt", "kms:GenerateDataKey"),
        "access denied to the key that the bucket is encrypted with; allow these credentials kms:Decrypt (to publish, "
        "kms:GenerateDataKey too) in the key's policy",
    ),
    (
        ("AccessDenied", "AllAccessDisabled", "AuthorizationPermissionMismatch", "AuthorizationFailure"),
        "access denied: the bucket is somebody else's, or these credentials lack s3:GetObject, s3:PutObject or "
        "s3:ListBucket on it; ask its owner",
    ),
    (("MissingAccount", "Account must be specified"), "the storage account is missing; set AZURE_STORAGE_ACCOUNT_NAME"),
    (("401 Unauthorized",), "the credentials are missing or wrong; check KEYS"),
    (("ConditionalRequestConflict", "OperationAborted"), "somebody else writes there at this moment; try again"),
    (("QuotaExceeded", "EntityTooLarge"), "storage takes no more; free some, or raise the quota"),
    (
        ("SlowDown", "503 Service", "ServerBusy", "429 Too Many", "ThrottlingException"),
        "storage asks to slow down; try again in a minute",
    ),
    (
        ("169.254.169.254", "169.254.170.2", "metadata.google.internal", "token request", "MissingAccessKey"),
        "there are no credentials; set KEYS",
    ),
    (
        ("timed out", "TimedOut", "deadline has elapsed"),
        "storage did not answer in time; try again, or check the network",
    ),
    (
        ("dns error", "failed to lookup"),
        "the name of the storage host cannot be found; check the network and AWS_ENDPOINT_URL",
    ),
    (("Connection refused",), "nothing listens at the storage address; check AWS_ENDPOINT_URL, or start it"),
    (("No space left",), "the disk is full; free some space"),
    (("InvalidBucketName", "InvalidResourceName"), "the bucket cannot have that name; correct it"),
    (("File too large",), "the file system takes no file of that size; choose another folder"),
    (
        ("File system loop", "levels of symbolic links"),
        "a link in the folder leads back into it, or to itself; remove that link",
    ),
    (("Read-only file system",), "the folder cannot be written to; choose another one"),
    (("Permission denied",), "this user may not read or write there; correct the folder's permissions"),
    (
        ("end of file before message", "connection closed", "Connection reset", "IncompleteMessage", "body error"),
        "the connection broke in the middle; try again",
    ),
    (("builder error",), "the storage address cannot be used; check AWS_ENDPOINT_URL"),
    (
        ("501 Not Implemented", "NotImplemented"),
        "this storage has no conditional writes, which a registry needs; use another",
    ),
    (
        ("500 Internal", "502 Bad", "504 Gateway", "InternalError"),
        "storage has trouble of its own; try again in a minute",
    ),
    (("error sending request",), "storage cannot be reached; check the network and AWS_ENDPOINT_URL"),
)
KINDS = {
    "PermissionDeniedError": "access denied; ask the owner of the bucket for the right to read and write it",
    "UnauthenticatedError": "the credentials are missing or wrong; check KEYS",
    "NotSupportedError": "this storage lacks something that a registry needs; use another",
}


VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


def translate(error: BaseException, url: str, doing: str) -> StorageDown:
    """Make the StorageDown for what obstore raised while `doing` something, as in "reading the live pointer"."""
    sentence = explain(error, url)
    down = StorageDown(f"{doing} failed: {sentence}.", url)
    down.passing = "try again" in sentence  # what people are told to try again is worth a second try of our own
    return down


def explain(error: BaseException, url: str) -> str:
    """Say what went wrong and what to do, with the variables of that cloud."""
    kind = url.partition("://")[0][:2]
    return sentence_for(error).replace("KEYS", VARIABLES.get(kind, VARIABLES["s3"]))


def sentence_for(error: BaseException) -> str:
    """Find the sentence."""
    text = f"{error} {error.__cause__ or ''}"
    for words, sentence in CODES:
        if any(word in text for word in words):
            return sentence
    kind = type(error).__name__
    if kind in KINDS:
        return KINDS[kind]
    return "storage failed in a way that has no name here; `--debug` shows what it said"
