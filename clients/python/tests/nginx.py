"""nginx from its Debian package, in front of a server of the tests."""

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from servers import PATIENCE, wait_for

# Nothing is said about buffering: the header of the answer is enough.
CONFIG = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 2;
worker_rlimit_nofile 10000;
events {{ worker_connections 5000; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass {upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""


class Nginx:
    """On a free port of loopback."""

    def __init__(self, upstream: str, folder: Path):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        file = folder / "nginx.conf"
        file.write_text(CONFIG.format(folder=folder, port=self.port, upstream=upstream))
        self._errors = folder / "error.log"
        self.process = subprocess.Popen(
            ["nginx", "-e", self._errors, "-p", folder, "-c", file], stdin=subprocess.DEVNULL
        )
        wait_for(self._listens, self.shown)

    def shown(self) -> str:
        return self._errors.read_text()[-2000:] if self._errors.exists() else "nginx has not said anything"

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            time.sleep(0.05)
            return False
        return True

    def __enter__(self) -> "Nginx":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
