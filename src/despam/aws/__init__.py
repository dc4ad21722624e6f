"""AWS: the zip that Lambda runs, the two CloudFormation templates, and one command that puts them to work.

Knows AWS; nobody below knows it does. `bundle` needs no AWS account and no extra; `stack` is the only place that
opens a boto3 session, and every error of boto3's leaves this folder as a `DeployError` (see `faults`).

The templates work without this code too, with the `sam` and `aws` commands: docs/how-to/deploy-to-aws.md.
"""
