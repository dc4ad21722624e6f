"""The service: one brain (`api.py`), thin doors (`aws_lambda.py`, `asgi.py`), and what they share.

exchange.py  a request, a response, and the rules for single fields of them
body.py      the bytes of a request -> the text or texts in it, or a refusal in words
answer.py    a verdict -> the JSON of the contract
api.py       Request -> Response: routes, CORS, key, limits; no I/O of its own
pages.py     the page's files
openapi.py   the contract as OpenAPI 3.1
live.py      which model decides just now
settings.py  DESPAM_... -> a wired brain
log.py       one JSON line a request
metrics.py   what Prometheus reads
server.py    uvicorn on this machine
protocol.py  its connections: limits, our errors, the short way
"""
