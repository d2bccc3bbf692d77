"""Embeddings, as the official SDKs ask for them, in front of strict scripted upstreams of every kind.

Every SDK × every upstream × {one text, many, dimensions, task, error}, and what cannot be said elsewhere.
Started by ./run after suite.py, with the same binary. Ends with a table and the line "N passed, N failed".
"""

import base64
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cohere
import ollama
import openai
from google import genai
from google.genai import types as gtypes
from openai.types.embedding_create_params import EmbeddingCreateParams

import strict

HERE = pathlib.Path(__file__).parent
KEY = "client-key-that-byok-ignores"


def same(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def vector(text, dimensions):
    """What the upstreams answer: numbers that floats of 32 bits hold exactly, and that tell texts apart."""
    return [(len(text) + at) / 8 for at in range(dimensions or 4)]


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status, self.message = status, message


def demand(condition, message, status=400):
    if not condition:
        raise Refused(status, message)


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        extra = {}
        try:
            name, value = self.key
            demand(self.headers.get(name) == value, f"bad credential in {name}", 401)
            everything = " ".join(f"{k}: {v}" for k, v in self.headers.items()) + self.path
            demand("client-key" not in everything, "the client's key leaked", 401)
            texts, dimensions, answer = self.read(json.loads(body))
            self.server.asked.append((self.path, json.loads(body)))
            demand("fail" not in texts, "Slow down, please.", 429)
            status, value = 200, answer([vector(text, dimensions) for text in texts])
        except Refused as refused:
            self.server.refusals.append(f"{self.path}: {refused.status} {refused.message}")
            status, value = refused.status, self.fault(refused.status, refused.message)
            extra = {"retry-after": "7"} if status == 429 else {}
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json", "content-length": str(len(data)), **extra}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)


class OpenaiUpstream(Upstream):
    family = "openai"
    model = "text-embedding-3-small"
    key = ("authorization", "Bearer real-openai-key")

    def read(self, request):
        demand(self.path == "/v1/embeddings", f"no such path {self.path}", 404)
        found = strict.errors(request, EmbeddingCreateParams)
        demand(not found, "; ".join(found))
        demand(request["model"] == self.model, f"no such model {request['model']}", 404)
        texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
        demand(texts and "" not in texts, "'$.input' is invalid")
        if isinstance(texts[0], int):
            texts = [texts]
        # Each token stands for a letter.
        texts = [text if isinstance(text, str) else "x" * len(text) for text in texts]

        def answer(vectors):
            if request.get("encoding_format") == "base64":
                vectors = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors]
            data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
            return {"object": "list", "data": data, "model": self.model, "usage": {"prompt_tokens": 7, "total_tokens": 7}}
        return texts, request.get("dimensions"), answer

    def fault(self, status, message):
        return {"error": {"message": message, "type": "requests", "param": None, "code": None}}


class GeminiUpstream(Upstream):
    family = "gemini"
    model = "gemini-embedding-001"
    key = ("x-goog-api-key", "real-gemini-key")
    tasks = {"RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING",
             "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY"}

    def read(self, request):
        path = f"/v1beta/models/{self.model}:"
        demand(self.path in (path + "embedContent", path + "batchEmbedContents"), f"no such path {self.path}", 404)
        batch = self.path.endswith("batchEmbedContents")
        if batch:
            demand(set(request) == {"requests"}, f"unknown names in {set(request)}")
        requests = request["requests"] if batch else [request]
        demand(0 < len(requests) <= 100, "at most 100 requests can be in one batch")
        texts = []
        for one in requests:
            unknown = set(one) - {"model", "content", "taskType", "title", "outputDimensionality"}
            demand(not unknown, f"Unknown name {unknown}: Cannot find field.")
            demand(one.get("model", None if batch else f"models/{self.model}") == f"models/{self.model}",
                   "the model of each request must be the one in the path")
            demand(one.get("taskType", "CLUSTERING") in self.tasks, "invalid taskType")
            texts.append("".join(part["text"] for part in one["content"]["parts"]))
        usage = {"promptTokenCount": 7, "totalTokenCount": 7}

        def answer(vectors):
            if not batch:
                return {"embedding": {"values": vectors[0]}, "usageMetadata": usage}
            return {"embeddings": [{"values": v} for v in vectors], "usageMetadata": usage}
        return texts, requests[0].get("outputDimensionality"), answer

    def fault(self, status, message):
        word = {429: "RESOURCE_EXHAUSTED", 404: "NOT_FOUND"}.get(status, "INVALID_ARGUMENT")
        return {"error": {"code": status, "message": message, "status": word}}


class CohereUpstream(Upstream):
    family = "cohere"
    model = "embed-v4.0"
    key = ("authorization", "Bearer real-cohere-key")
    fields = {"model", "input_type", "texts", "images", "inputs", "max_tokens", "output_dimension", "embedding_types",
              "truncate", "priority"}

    def read(self, request):
        demand(self.path == "/v2/embed", f"no such path {self.path}", 404)
        unknown = set(request) - self.fields
        demand(not unknown, f"unknown field: {unknown}")
        demand(request["model"] == self.model, f"no such model {request['model']}", 404)
        demand(request.get("input_type") in ("search_document", "search_query", "classification", "clustering"),
               "invalid input_type")
        demand(request.get("truncate", "END") in ("NONE", "START", "END"), "invalid truncate")
        texts = request["texts"]
        demand(0 < len(texts) <= 96, "at most 96 texts")
        kinds = request.get("embedding_types", ["float"])
        # Not a quantisation anyone would use; it is only looked at that it passes.
        packed = {"float": list, "int8": lambda v: [int(x) for x in v],
                  "base64": lambda v: base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode()}

        def answer(vectors):
            return {"id": "up", "response_type": "embeddings_by_type", "texts": texts,
                    "embeddings": {kind: [packed[kind](v) for v in vectors] for kind in kinds},
                    "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 7}}}
        return texts, request.get("output_dimension"), answer

    def fault(self, status, message):
        return {"id": "up", "message": message}


UPSTREAMS = [OpenaiUpstream, GeminiUpstream, CohereUpstream]
MANY = ["x" * at for at in range(1, 151)]


class OpenAI:
    """openai, which asks for base64 unless told otherwise."""

    name = "openai (Python)"

    def __init__(self, base):
        self.client = openai.OpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0)

    def ask(self, model, texts, **more):
        answer = self.client.embeddings.create(model=model, input=texts, **more)
        same([one.index for one in answer.data], list(range(len(answer.data))))
        return [one.embedding for one in answer.data], answer.usage.prompt_tokens

    def one(self, model):
        same(self.ask(model, "hello"), ([vector("hello", None)], 7))
        same(self.ask(model, "hello", encoding_format="float"), ([vector("hello", None)], 7))
        (packed,), _ = self.ask(model, "hello", encoding_format="base64")
        same(list(struct.unpack("<4f", base64.b64decode(packed))), vector("hello", None))

    def many(self, model):
        same(self.ask(model, MANY)[0], [vector(text, None) for text in MANY])

    def dimensions(self, model):
        same(self.ask(model, ["hello"], dimensions=9)[0], [vector("hello", 9)])

    def task(self, model, asked):
        # OpenAI's own format has none; servers that speak it do.
        if "openai" not in model:
            self.ask(model, ["hello"], extra_body={"input_type": "query"})
            same(task_of(asked), "query")

    def error(self, model):
        try:
            self.ask(model, "fail")
        except openai.RateLimitError as error:
            assert "Slow down, please." in str(error), str(error)
            same(error.response.headers.get("retry-after"), "7")
        else:
            raise AssertionError("no error")

    def own(self, model):
        """Tokens mean something to OpenAI only."""
        try:
            vectors, _ = self.ask(model, [[1, 2, 3], [4]], encoding_format="float")
        except openai.BadRequestError as error:
            assert "openai" not in model and error.param == "input", error
        else:
            assert "openai" in model
            same(vectors, [vector("xxx", None), vector("x", None)])


class Google:
    """google-genai, which asks for batches only."""

    name = "google-genai (Python)"

    def __init__(self, base):
        self.base = base
        self.client = genai.Client(api_key=KEY, vertexai=False, http_options={"base_url": base})

    def ask(self, model, texts, **more):
        config = gtypes.EmbedContentConfig(**more) if more else None
        answer = self.client.models.embed_content(model=model, contents=texts, config=config)
        return [one.values for one in answer.embeddings], answer.usage_metadata.prompt_token_count

    def one(self, model):
        same(self.ask(model, "hello"), ([vector("hello", None)], 7))

    def many(self, model):
        # What the vendor's own service takes at once.
        same(self.ask(model, MANY[:100])[0], [vector(text, None) for text in MANY[:100]])

    def dimensions(self, model):
        same(self.ask(model, "hello", output_dimensionality=9)[0], [vector("hello", 9)])

    def task(self, model, asked):
        self.ask(model, "hello", task_type="RETRIEVAL_QUERY")
        same(task_of(asked), None if "openai" in model else "query")

    def error(self, model):
        try:
            self.ask(model, "fail")
        except genai.errors.ClientError as error:
            same((error.code, error.status), (429, "RESOURCE_EXHAUSTED"))
            assert "Slow down, please." in str(error), str(error)
        else:
            raise AssertionError("no error")

    def own(self, model):
        """The older method, which this SDK no longer calls, under both versions."""
        for version in ("v1beta", "v1"):
            body = json.dumps({"content": {"parts": [{"text": "hello"}]}, "title": "t"}).encode()
            request = urllib.request.Request(f"{self.base}/{version}/models/{model}:embedContent", body,
                                             {"content-type": "application/json", "x-goog-api-key": KEY})
            with urllib.request.urlopen(request, timeout=20) as answer:
                same(json.load(answer)["embedding"]["values"], vector("hello", None))
                same("title=dropped" in (answer.headers.get("x-byok-dropped") or ""), "up-gemini" not in model)


class Cohere:
    """cohere, v2."""

    name = "cohere (Python)"

    def __init__(self, base):
        self.client = cohere.ClientV2(api_key=KEY, base_url=base)

    def ask(self, model, texts, **more):
        more = {"input_type": "search_document", "embedding_types": ["float"], **more}
        answer = self.client.v2.embed(model=model, texts=texts, **more)
        same(answer.texts, texts)
        return answer.embeddings, answer.meta.billed_units.input_tokens

    def one(self, model):
        embeddings, tokens = self.ask(model, ["hello"])
        same((embeddings.float_, tokens), ([vector("hello", None)], 7))
        packed = self.ask(model, ["hello"], embedding_types=["base64"])[0].base64
        same(list(struct.unpack("<4f", base64.b64decode(packed[0]))), vector("hello", None))

    def many(self, model):
        texts = MANY[:96]
        same(self.ask(model, texts)[0].float_, [vector(text, None) for text in texts])

    def dimensions(self, model):
        same(self.ask(model, ["hello"], output_dimension=9)[0].float_, [vector("hello", 9)])

    def task(self, model, asked):
        self.ask(model, ["hello"], input_type="search_query", truncate="END")
        same(task_of(asked), None if "openai" in model else "query")

    def error(self, model):
        try:
            self.client.v2.embed(model=model, texts=["fail"], input_type="search_query", request_options={"max_retries": 0})
        except cohere.TooManyRequestsError as error:
            assert "Slow down, please." in str(error), str(error)
        else:
            raise AssertionError("no error")

    def own(self, model):
        """Quantised vectors, which only Cohere has."""
        try:
            embeddings, _ = self.ask(model, ["hello"], embedding_types=["int8"])
        except cohere.BadRequestError as error:
            assert "cohere" not in model and error.body["param"] == "embedding_types", error
        else:
            assert "cohere" in model
            same(embeddings.int8, [[int(x) for x in vector("hello", None)]])


class Ollama:
    """ollama."""

    name = "ollama (Python)"

    def __init__(self, base):
        self.client = ollama.Client(host=base)

    def ask(self, model, texts, **more):
        answer = self.client.embed(model=model, input=texts, **more)
        same(answer.model, model)
        return answer.embeddings, answer.prompt_eval_count

    def one(self, model):
        same(self.ask(model, "hello"), ([vector("hello", None)], 7))

    def many(self, model):
        same(self.ask(model, MANY)[0], [vector(text, None) for text in MANY])

    def dimensions(self, model):
        same(self.ask(model, ["hello"], dimensions=9)[0], [vector("hello", 9)])

    def task(self, model, asked):
        # Without a word about it, texts are what is searched.
        self.ask(model, ["hello"], truncate=True, keep_alive="5m")
        same(task_of(asked), "document" if "cohere" in model else None)

    def error(self, model):
        try:
            self.ask(model, "fail")
        except ollama.ResponseError as error:
            same(error.status_code, 429)
            assert "Slow down, please." in str(error), str(error)
        else:
            raise AssertionError("no error")

    def own(self, model):
        """The older call, for one text."""
        same(self.client.embeddings(model=model, prompt="hello").embedding, vector("hello", None))


def task_of(asked):
    """What the last request that an upstream got says about its purpose: query, document or nothing."""
    _, request = asked[-1]
    said = request.get("input_type") or request.get("requests", [request])[0].get("taskType")
    return said and said.lower().split("_")[-1]


CASES = ["one", "many", "dimensions", "task", "error", "own"]


def start_upstreams():
    servers = {}
    for handler in UPSTREAMS:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        server.asked, server.refusals = [], []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers[handler.family] = server
    return servers


def start_byok(binary, servers):
    """The real binary on a free port; returns the process, its base address and its log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = pathlib.Path(tempfile.mkdtemp(prefix="byok-embeddings-"))
    lines = ["providers:"]
    for handler in UPSTREAMS:
        base = f"http://127.0.0.1:{servers[handler.family].server_address[1]}"
        key = handler.key[1].removeprefix("Bearer ")
        lines.append(f'  up-{handler.family}: {{ family: {handler.family}, base_url: "{base}", api_key: "{key}" }}')
    lines.append('  up-none: { family: anthropic, base_url: "http://127.0.0.1:9", api_key: "real-anthropic-key" }')
    config = home / "config.yaml"
    config.touch(mode=0o600)
    config.write_text("\n".join(lines) + "\n")
    log = home / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen([binary, "serve", "-c", str(config), "-p", str(port), "--db", ":memory:"],
                                   env={**os.environ, "BYOK_HOME": str(home)}, stdout=out, stderr=out)
    base = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"{base}/healthz", timeout=1).read()
            return process, base, log
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("byok did not start:\n" + log.read_text())


def nowhere(client):
    """A provider without embeddings says so, as an error that the SDK understands."""
    try:
        client.ask("up-none/claude-x", ["hello"])
    except Exception as error:
        assert "has no embeddings" in str(error), str(error)
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
        same(status, 400)
    else:
        raise AssertionError("no error")


def main():
    servers = start_upstreams()
    process, base, log = start_byok(sys.argv[1], servers)
    results = {}

    def judge(key, work):
        try:
            work()
            results[key] = None
        except Exception as error:
            ours = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
            results[key] = f"{type(error).__name__}: {error} (embeddings.py:{ours[-1]})"[:600]

    try:
        for kind in (OpenAI, Google, Cohere, Ollama):
            client = kind(base)
            for handler in UPSTREAMS:
                model = f"up-{handler.family}/{handler.model}"
                for case in CASES:
                    more = [servers[handler.family].asked] if case == "task" else []
                    judge((kind.name, handler.family, case), lambda: getattr(client, case)(model, *more))
            judge((kind.name, "anthropic", "nowhere"), lambda: nowhere(client))
    finally:
        process.terminate()
        process.wait(timeout=30)
    print("| client | upstream | " + " | ".join(CASES) + " |")
    print("| --- " * (len(CASES) + 2) + "|")
    for client in dict.fromkeys(key[0] for key in results):
        for handler in UPSTREAMS:
            marks = ["ok" if results[client, handler.family, case] is None else "FAILED" for case in CASES]
            print(f"| {client} | {handler.family} | " + " | ".join(marks) + " |")
    failed = {key: error for key, error in results.items() if error}
    for key, error in failed.items():
        print("FAILED", *key, "-", error)
    if failed:
        for family, server in servers.items():
            for refusal in dict.fromkeys(server.refusals):
                print(f"refused by {family}: {refusal}")
        print(log.read_text()[-4000:])
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(bool(failed))


main()
