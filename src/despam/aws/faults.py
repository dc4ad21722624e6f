"""What AWS says when it says no, in one sentence with what to do.

Knows boto3's exceptions, AWS's error codes and the reasons in stack events. Refuses to know what was being done beyond
the words it is given. boto3 is imported when something is translated, never before.

Invariant: inside `translated`, whatever boto3 raises leaves as a `DeployError`; everything else leaves as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from despam.errors import DeployError

# what several answers of AWS's come down to; {detail} is AWS's own words
BUSY = "another deploy or removal is under way; wait for it and run this again"
CLOCK = "this machine's clock is off by more than AWS allows; set it right (`timedatectl set-ntp true`)"
DENIED = "access denied ({detail}); ask for that permission, or use another AWS_PROFILE"
QUOTA = "an account quota is used up ({detail}); raise it in Service Quotas, or remove what is no longer needed"

# error codes -> what they mean and what to do
BY_CODE = [
    (
        "ExpiredToken ExpiredTokenException RequestExpired",
        "the credentials have expired; sign in again (`aws sso login`) or use new keys",
    ),
    (
        "InvalidClientTokenId UnrecognizedClientException InvalidAccessKeyId",
        "AWS does not know these credentials; check AWS_PROFILE or the access key",
    ),
    ("RequestTimeTooSkewed", CLOCK),
    (
        "SignatureDoesNotMatch InvalidSignatureException",
        "AWS does not accept the signature: the secret key is wrong, or this machine's clock is",
    ),
    ("AccessDenied AccessDeniedException UnauthorizedOperation 403", DENIED),
    ("NoSuchBucket 404", "there is no such bucket; check --registry, or leave it out to have one made"),
    (
        "PermanentRedirect 301 AuthorizationHeaderMalformed IllegalLocationConstraintException",
        "the bucket is in another region; name that region with --region",
    ),
    ("BucketAlreadyExists BucketAlreadyOwnedByYou", "the bucket's name is taken; choose another --stack"),
    ("LimitExceededException LimitExceeded ServiceQuotaExceededException TooManyBuckets", QUOTA),
    (
        "Throttling ThrottlingException TooManyRequestsException SlowDown RequestLimitExceeded",
        "AWS asks to slow down; run the same command again in a minute",
    ),
    ("OptInRequired", "this account has not switched this region on; do it in the console, or name another --region"),
    ("OperationInProgressException", BUSY),
    (
        "InvalidChangeSetStatus InvalidChangeSetStatusException ChangeSetNotFound",
        "another deploy came in between; wait for it and run this again",
    ),
    (
        "ServiceUnavailable InternalFailure InternalError 500 503",
        "AWS has trouble of its own ({detail}); run the same command again later",
    ),
]
CODES = {code: sentence for codes, sentence in BY_CODE for code in codes.split()}

# words in AWS's message -> the same, for the codes that say nothing (ValidationError, InvalidParameterValueException)
BY_WORDS = [
    (r"_IN_PROGRESS state|is in \w+_IN_PROGRESS", BUSY),
    (
        r"UPDATE_ROLLBACK_FAILED",
        "the stack could not go back to its last state; in the CloudFormation console choose Continue update rollback",
    ),
    (
        r"UnreservedConcurrentExecution",
        "the account has too little concurrency left to reserve so much; use a smaller --concurrency (0 for none), "
        "or raise the Lambda quota",
    ),
    (r"[Cc]lock|Signature not yet current|Signature expired", CLOCK),
    (r"quota|limit exceeded|exceeded the maximum|[Tt]oo many", QUOTA),
    (
        r"already exists",
        "the name is taken by something that this stack did not make ({detail}); choose another --stack",
    ),
    (r"not authorized to perform|[Aa]ccess [Dd]enied|AccessDenied", DENIED),
    (
        r"[Uu]nzipped size must be smaller|Request must be smaller",
        "the bundle is larger than Lambda takes ({detail}); use a smaller model",
    ),
]


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what boto3 raises inside into one sentence that begins with `what` was being done."""
    from boto3.exceptions import Boto3Error
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        raise DeployError(f"{what}: {client_sentence(error.response.get('Error', {}))}.") from error
    except (boto.BotoCoreError, Boto3Error) as error:
        raise DeployError(f"{what}: {_local_sentence(error)}.") from error


def client_sentence(error: Mapping[str, Any]) -> str:
    """Say in words what AWS answered."""
    code, detail = str(error.get("Code", "")), shortened(str(error.get("Message", "")))
    by_words = words_sentence(detail)
    # a clock that is off comes under several codes; only the words tell
    if by_words and (code not in CODES or "clock" in by_words):
        return by_words
    if code in CODES:
        return CODES[code].format(detail=detail)
    return f"AWS said {code}: {detail}"


def words_sentence(detail: str) -> str | None:
    """Say in words what a message of AWS's means, if its words are known."""
    for pattern, sentence in BY_WORDS:
        if re.search(pattern, detail):
            return sentence.format(detail=detail)
    return None


def event_sentence(resource: str, kind: str, reason: str) -> str:
    """Say in words why a resource of the stack failed."""
    reason = shortened(reason)
    known = words_sentence(reason)
    return f"{resource} ({kind}) failed: {known or reason or 'AWS gives no reason'}"


def shortened(text: str) -> str:
    """Cut AWS's own words to one line without request ids."""
    text = re.sub(r"\s*\((Service|RequestToken|Request ID|HandlerErrorCode)[^)]*\)", "", " ".join(text.split()))
    return text.rstrip(".")[:300]


def _local_sentence(error: Exception) -> str:
    from botocore import exceptions as boto

    table: list[tuple[type[Exception] | tuple[type[Exception], ...], str]] = [
        (
            (boto.NoCredentialsError, boto.PartialCredentialsError),
            "no AWS credentials; run `aws configure` or `aws sso login`, or set AWS_PROFILE",
        ),
        (boto.ProfileNotFound, f"{error}; check AWS_PROFILE"),
        (
            (boto.SSOError, boto.TokenRetrievalError, boto.CredentialRetrievalError),
            "the sign-in has expired; run `aws sso login`",
        ),
        (boto.NoRegionError, "no region; add --region, or set AWS_REGION"),
        (boto.InvalidRegionError, "no such region; check --region and AWS_REGION"),
        (boto.EndpointConnectionError, "no connection; check the network, and the region's name"),
        ((boto.ConnectTimeoutError, boto.ReadTimeoutError), "no answer in time; check the network and run this again"),
        (boto.SSLError, "no trusted connection; check the clock, the proxy, and AWS_CA_BUNDLE"),
        (boto.HTTPClientError, "the connection broke; run this again, it goes on where it stopped"),
    ]
    for kind, sentence in table:
        if isinstance(error, kind):
            return sentence
    return shortened(str(error))
