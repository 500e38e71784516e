"""Shell completion."""

import click
from click.shell_completion import get_completion_class

from harness.cli.options import examples
from harness.cli.output import say


@click.command(
    epilog=examples(
        'eval "$(gomatrix completion bash)" # in ~/.bashrc',
        'eval "$(gomatrix completion zsh)" # in ~/.zshrc',
        "gomatrix completion fish > ~/.config/fish/completions/gomatrix.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a shell completion script."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    script = kind(ctx.find_root().command, {}, "gomatrix", "_GOMATRIX_COMPLETE")
    say(script.source())
