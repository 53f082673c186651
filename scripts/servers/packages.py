"""Install the servers' packages where the system is Debian or Ubuntu."""

import os
import shutil
import subprocess
import sys

from scripts.servers import postgres, rabbitmq
from scripts.servers.home import CHECKOUT, ServersError

ELSEWHERE = """\
RabbitMQ and PostgreSQL are needed, and this system has no apt-get with root or sudo. Start them with the compose file:

  docker compose up --detach postgres rabbitmq
  export DATABASE_URL=postgresql://throughline:throughline@127.0.0.1:5432/postgres
  export AMQP_URL=amqp://throughline:throughline@127.0.0.1:5672/throughline
  export AMQP_API_URL=http://throughline:throughline@127.0.0.1:15672/api
"""


def install_missing(wanted: set[str]) -> None:
    """Install what is missing of `wanted` (postgresql, rabbitmq-server); nothing is started or enabled."""
    present = {
        "postgresql": postgres.binaries() is not None,
        "rabbitmq-server": rabbitmq.SERVER.exists() and shutil.which("epmd") is not None,
    }
    missing = sorted(name for name in wanted if not present[name])
    if not missing:
        return
    if not shutil.which("apt-get") or not (os.getuid() == 0 or shutil.which("sudo")):
        raise ServersError(ELSEWHERE)
    print(f"Installing {', '.join(missing)} ...", file=sys.stderr)
    if subprocess.run([CHECKOUT / "scripts" / "install-packages", *missing], stdout=sys.stderr).returncode != 0:
        raise ServersError(f"apt-get could not install {', '.join(missing)}.")
