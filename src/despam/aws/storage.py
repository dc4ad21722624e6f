"""The bucket: is it there, put the bundle in, and, when told so, empty it.

Knows S3 through boto3. Refuses to know what a registry keeps where, beyond its prefix: versions and the live pointer
are `despam.registry`'s. Bundles lie beside the registry under `bundles/`, named by their SHA-256.

Invariant: a bundle is uploaded in one put, so it is there whole or not at all, and never overwritten.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, NamedTuple

from despam.aws.faults import translated
from despam.errors import DeployError


class Contents(NamedTuple):
    """What a bucket holds, overwritten and deleted objects included."""

    objects: int
    size_bytes: int
    models: tuple[str, ...]  # names of stored model files


def bundle_key(sha256: str) -> str:
    """Name the bundle's object."""
    return f"bundles/{sha256}.zip"


def check(s3: Any, bucket: str, if_missing: str = "") -> None:
    """Refuse a bucket that is missing (in the words given, if any), somebody else's, or in another region."""
    from botocore.exceptions import ClientError

    with translated(f"looking for the bucket {bucket}"):
        try:
            answer = s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            # a HEAD has no body: the status is all there is
            code = str(error.response.get("Error", {}).get("Code"))
            if if_missing and code in ("404", "NoSuchBucket", "NotFound"):
                raise DeployError(if_missing) from error
            if code in ("403", "Forbidden"):
                message = (
                    f"the bucket {bucket} is somebody else's, or closed to these credentials; use a bucket of your own."
                )
                raise DeployError(message) from error
            raise
    # boto3 follows a bucket into its region, Lambda does not
    region = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", s3.meta.region_name)
    if region != s3.meta.region_name:
        message = f"the bucket {bucket} is in {region}, the service would be in {s3.meta.region_name}"
        raise DeployError(f"{message}; use --region {region}, or a bucket there.")


def exists(s3: Any, bucket: str) -> bool:
    """Say whether this account has the bucket; once it is gone, anybody may take its name."""
    with translated(f"looking for the bucket {bucket}"):
        return any(entry["Name"] == bucket for entry in s3.list_buckets()["Buckets"])


def upload(s3: Any, bucket: str, key: str, data: bytes) -> bool:
    """Put the bundle unless it is there; say whether it was put."""
    from botocore.exceptions import ClientError

    with translated(f"uploading the bundle to {bucket}"):
        try:
            s3.head_object(Bucket=bucket, Key=key)
            return False
        except ClientError as error:
            # without the permission to list, S3 says 403 for what is missing
            if str(error.response.get("Error", {}).get("Code")) not in ("404", "NoSuchKey", "NotFound", "403"):
                raise
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType="application/zip", ChecksumSHA256=digest)
        return True


def download(s3: Any, bucket: str, key: str) -> bytes:
    """Read a bundle that is there."""
    with translated(f"reading the bundle {key} in {bucket}"):
        data: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return data


def contents(s3: Any, bucket: str) -> Contents:
    """Count what emptying the bucket would lose."""
    objects = size = 0
    models = set()
    with translated(f"listing the bucket {bucket}"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in page.get("Versions", []):
                objects += 1
                size += version["Size"]
                if version["Key"].endswith(".safetensors"):
                    models.add(version["Key"].rpartition("/")[2].removesuffix(".safetensors"))
    return Contents(objects, size, tuple(sorted(models)))


def remove(s3: Any, bucket: str) -> None:
    """Delete every version of every object, then the bucket."""
    with translated(f"emptying the bucket {bucket}"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            doomed = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
            if doomed:
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})
                for failure in answer.get("Errors", []):
                    raise DeployError(f"{failure['Key']} in {bucket} cannot be deleted ({failure.get('Message', '')}).")
        s3.delete_bucket(Bucket=bucket)
