"""The `openai:URL` backend: any server that speaks the OpenAI chat protocol (vLLM, llama.cpp, a cloud).

The key comes from the environment only, is sent to that one host only (redirects are not followed), over TLS or to
this machine only, and is in no message.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import sys
import time
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from .backend import BackendError, Skills, StateSummary, checked_image, checked_instruction
from .pixels import png, resized
from .plan import SkillPlan, refusal
from .prompt import answer_schema, plan_from_answer, system_prompt, user_prompt

KEYS = ("METAWORLD_RT_OPENAI_KEY", "OPENAI_API_KEY")
MODEL = "METAWORLD_RT_OPENAI_MODEL"
MAX_ANSWER = 2**20  # bytes
IMAGE = 448  # px: larger images are made smaller before they are sent
_NO_IMAGES = ("image input is not supported", "multimodal")  # how llama.cpp's server and vLLM name a model without eyes


class OpenAIBackend:
    """Asks a server. One call at a time.

    Args:
        url: base, e.g. `http://localhost:8000/v1`; `#NAME` at its end names the model.
        model: the model's name; None: `#NAME`, METAWORLD_RT_OPENAI_MODEL, or the first that the server lists.
        timeout_s: for a whole call, whatever the server does.
        max_tokens: of an answer.

    Raises:
        BackendError: not a http(s) URL, or a key would go over plain http to another machine.
    """

    name = "openai"

    def __init__(self, url: str, model: str | None = None, timeout_s: float = 30.0, max_tokens: int = 600):
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise BackendError(f"not the URL of a server: {_bare(url)}; for example openai:http://localhost:8000/v1")
        self._parts, self._timeout, self._tokens = parts, timeout_s, max_tokens
        self._model = model or parts.fragment or os.environ.get(MODEL)
        self._formats: list[dict[str, Any] | None] | None = None
        self._blind = False  # the server said that its model takes no image
        if self._key() and parts.scheme == "http" and not _is_here(parts.hostname):
            raise BackendError(
                f"the API key is not sent over plain http to {parts.hostname}: use https, or unset {' and '.join(KEYS)}"
            )

    @staticmethod
    def _key() -> str | None:
        return next((os.environ[name].strip() for name in KEYS if os.environ.get(name, "").strip()), None)

    def plan(
        self,
        instruction: str,
        image: np.ndarray | None,
        skills: Sequence[tuple[str, str]],
        state_summary: StateSummary | None = None,
    ) -> SkillPlan:
        """See `SemanticBackend.plan`."""
        skills = Skills.of(skills)
        text = checked_instruction(instruction)
        if not text:
            return refusal(skills.safe, f"no instruction: {skills.safe}")
        deadline = time.monotonic() + self._timeout
        if self._model is None:
            self._model = self._first_model(deadline)
        content: list[dict[str, Any]] = [{"type": "text", "text": user_prompt(text, state_summary)}]
        pixels = checked_image(image)
        if pixels is not None and not self._blind:
            data = base64.b64encode(png(pixels if max(pixels.shape) <= IMAGE else resized(pixels, IMAGE))).decode()
            content.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}})
        body = {
            "model": self._model,
            "messages": [{"role": "system", "content": system_prompt(skills)}, {"role": "user", "content": content}],
            "temperature": 0,
            "max_tokens": self._tokens,
        }
        return plan_from_answer(_content(self._ask(body, skills, deadline)), skills, state_summary)

    def _ask(self, body: dict[str, Any], skills: Skills, deadline: float) -> Any:
        """With image and JSON schema; where the server does not know one of them, with less."""
        if self._formats is None:
            schema = {"name": "skill_plan", "strict": True, "schema": answer_schema(skills)}
            self._formats = [{"type": "json_schema", "json_schema": schema}, {"type": "json_object"}, None]
        while True:
            form = self._formats[0]
            if form and form["type"] == "json_schema":
                form["json_schema"]["schema"] = answer_schema(skills)
            try:
                return self._call(
                    "POST", "/chat/completions", {**body, **({"response_format": form} if form else {})}, deadline
                )
            except _Status as error:
                content = body["messages"][1]["content"]
                if len(content) > 1 and any(word in str(error) for word in _NO_IMAGES):
                    print(f"{self._where}: its model takes no image and is asked by text alone", file=sys.stderr)
                    self._blind = True
                    del content[1:]
                elif error.status not in (400, 422, 501) or len(self._formats) == 1:
                    raise
                else:
                    self._formats.pop(0)

    def _first_model(self, deadline: float) -> str:
        answer = self._call("GET", "/models", None, deadline)
        try:
            return str(answer["data"][0]["id"])
        except (KeyError, IndexError, TypeError):
            raise BackendError(f"{self._where} lists no model: name one with openai:URL#NAME or {MODEL}") from None

    @property
    def _where(self) -> str:
        return f"{self._parts.scheme}://{self._parts.netloc}"

    def _call(self, method: str, path: str, body: dict[str, Any] | None, deadline: float) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key := self._key():
            headers["Authorization"] = f"Bearer {key}"
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        left = max(0.05, deadline - time.monotonic())
        connection = kind(self._parts.hostname, self._parts.port, timeout=left)
        try:
            connection.request(
                method, self._parts.path.rstrip("/") + path, None if body is None else json.dumps(body), headers
            )
            response = connection.getresponse()
            data = self._read(connection, response, deadline)
        except (OSError, http.client.HTTPException, ssl.SSLError, ValueError) as error:
            raise BackendError(f"{self._where} does not answer: {type(error).__name__}") from None
        finally:
            connection.close()
        if response.status != 200:
            raise _Status(
                response.status,
                f"{self._where}{path} answers {response.status}: {data[:200].decode('utf-8', 'replace')!r}",
            )
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise BackendError(f"{self._where}{path} does not answer in JSON") from None

    def _read(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, deadline: float
    ) -> bytes:
        """The body, within the size and the time: a server that drips bytes is cut off too."""
        parts, size = [], 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise BackendError(f"{self._where} took longer than {self._timeout:g} s")
            if connection.sock is not None:
                connection.sock.settimeout(left)
            part = response.read1(65536)
            if not part:
                return b"".join(parts)
            size += len(part)
            if size > MAX_ANSWER:
                raise BackendError(f"{self._where} answers with more than {MAX_ANSWER >> 10} KB")
            parts.append(part)


class _Status(BackendError):
    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def _content(answer: Any) -> str:
    try:
        content = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise BackendError("the server's answer has no choices[0].message.content") from None
    if isinstance(content, list):  # content parts
        content = "".join(
            part.get("text", "") for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if not isinstance(content, str):
        raise BackendError("the server's answer has no text")
    return content


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _bare(url: str) -> str:
    """A URL without what may be secret in it."""
    return url.split("?", 1)[0].rsplit("@", 1)[-1][:100]
