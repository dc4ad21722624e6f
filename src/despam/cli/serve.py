"""`despam serve`: page and API on this machine.

Knows the flags, each with its environment variable, and what is said on the way up. The address goes to stdout,
warnings and the log, one JSON line a request, to stderr. Opens no browser, and nothing else by itself.
"""

from __future__ import annotations

import click

LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))


@click.command()
@click.option("-m", "--model", "model_path", envvar="DESPAM_MODEL", help="Model file; without one the bundled model.")
@click.option("--registry", "registry_url", envvar="DESPAM_REGISTRY", help="URL of a registry: serve its live version.")
@click.option("--refresh-seconds", envvar="DESPAM_REFRESH_SECONDS", default="30", show_default=True,
              help="How often to look for a newly promoted version.")  # fmt: skip
@click.option("--origins", envvar="DESPAM_ORIGINS", default="*", show_default=True,
              help="Pages that may ask, as origins separated by commas.")  # fmt: skip
@click.option("--api-key", envvar="DESPAM_API_KEY",
              help="Ask for this key in X-Api-Key; better set in the environment: ps shows flags.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes that answer.")
@click.pass_context
def command(
    ctx: click.Context,
    model_path: str | None,
    registry_url: str | None,
    refresh_seconds: str,
    origins: str,
    api_key: str | None,
    host: str,
    port: int,
    workers: int,
) -> None:
    """Run page and API on this machine.

    Ends on Ctrl-C or SIGTERM, after the requests under way. Each flag but host, port and workers can be set in the
    environment instead: DESPAM_MODEL, DESPAM_REGISTRY, DESPAM_REFRESH_SECONDS, DESPAM_ORIGINS, DESPAM_API_KEY.

    Example:

    \b
        despam serve
        despam serve --model sms.safetensors --port 8080
    """
    from despam.errors import MissingExtra
    from despam.service.settings import Settings, read_origins, read_seconds

    # a flag of one kind overrules the environment of the other
    flags = [ctx.get_parameter_source(name) for name in ("model_path", "registry_url")]
    if flags == [click.core.ParameterSource.COMMANDLINE] * 2:
        raise click.UsageError("--model and --registry are two answers to one question; give one of them.")
    if flags[0] is click.core.ParameterSource.COMMANDLINE:
        registry_url = None
    elif flags[1] is click.core.ParameterSource.COMMANDLINE:
        model_path = None
    settings = Settings(model_path, registry_url, read_seconds(refresh_seconds), read_origins(origins), api_key)
    try:
        from despam.service import server
        from despam.service.asgi import create_app
    except ModuleNotFoundError as error:
        if error.name not in ("uvicorn", "httptools", "uvloop"):
            raise
        raise MissingExtra("despam serve", "serve") from None
    app = create_app(settings)
    live = app.api.live
    model = live.current()
    status = live.status()
    sock = server.bind(host, port)
    address = server.name_address(sock)
    if host not in LOOPBACK and not settings.api_key:
        click.echo(
            f"Warning: {host} can be reached from other machines, and no API key is asked for; see --api-key.", err=True
        )
    if status["degraded"]:
        click.echo(f"Warning: {status.get('reason') or 'the service is degraded'}", err=True)
    click.echo(f"despam serves the {status['source']} model {model.version} on {address} (Ctrl-C ends it)")
    server.run(app, sock, workers)
