"""`despam serve`: page and API on this machine.

Knows the flags, each with its environment variable, and what is said on the way up. The address goes to stdout,
warnings and the log, one JSON line a request, to stderr. Opens no browser, and nothing else by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from despam.service.asgi import App
    from despam.service.settings import Settings

FLAGS = {"refresh_seconds": "--refresh-seconds", "origins": "--origins", "api_key": "--api-key"}


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
def command(ctx: click.Context, /, host: str, port: int, workers: int, **options: Any) -> None:
    """Run page and API on this machine.

    Ends on Ctrl-C or SIGTERM, after the requests under way. Each flag but host, port and workers can be set in the
    environment instead: DESPAM_MODEL, DESPAM_REGISTRY, DESPAM_REFRESH_SECONDS, DESPAM_ORIGINS, DESPAM_API_KEY.

    Example:

    \b
        despam serve
        despam serve --model sms.safetensors --port 8080
    """
    settings = read_settings(ctx, options)
    try:
        from despam.service import server
        from despam.service.asgi import create_app
    except ModuleNotFoundError as error:
        if error.name not in ("uvicorn", "httptools", "uvloop"):
            raise
        from despam.errors import MissingExtra

        raise MissingExtra("despam serve", "serve") from None
    app = create_app(settings)
    app.api  # noqa: B018  opens the model: one that cannot be read is said before anything listens
    sock = server.bind(host, port)
    server.end_well()
    greet(app, settings, host, server.name_address(sock))
    server.run(app, sock, workers)


def read_settings(ctx: click.Context, options: dict[str, Any]) -> Settings:
    """Read the settings; of model and registry a flag of one kind overrules the environment of the other."""
    from despam.errors import SettingError
    from despam.service.settings import Settings, read_origins, read_seconds

    flags = [ctx.get_parameter_source(name) for name in ("model_path", "registry_url")]
    if flags == [click.core.ParameterSource.COMMANDLINE] * 2:
        raise click.UsageError("--model and --registry are two answers to one question; give one of them.")
    if flags[0] is click.core.ParameterSource.COMMANDLINE:
        options["registry_url"] = None
    elif flags[1] is click.core.ParameterSource.COMMANDLINE:
        options["model_path"] = None
    try:
        options["refresh_seconds"] = read_seconds(options["refresh_seconds"])
        options["origins"] = read_origins(options["origins"])
        return Settings(**options)
    except SettingError as error:
        for name, flag in FLAGS.items():  # what was typed is named, not the variable that nobody set
            variable = f"DESPAM_{name.upper()}"
            if variable in str(error) and ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
                raise click.UsageError(str(error).replace(variable, flag)) from None
        raise


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address."""
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def greet(app: App, settings: Settings, host: str, address: str) -> None:
    """Say what is served and where, and what there is to be warned of."""
    status = app.api.live.status()
    if not is_loopback(host) and not app.api.api_key:
        click.echo(
            f"Warning: {host} can be reached from other machines, and no API key is asked for; see --api-key.", err=True
        )
    if status["reason"]:
        place = f"{settings.registry_url}: " if settings.registry_url else ""
        click.echo(f"{'Warning' if status['degraded'] else 'Note'}: {place}{status['reason']}", err=True)
    model = app.api.live.current().version
    click.echo(f"despam serves the {status['source']} model {model} on {address} (Ctrl-C ends it)")
