"""A registry in a folder and on two S3 servers: versions, promotions, crashes, faults."""
