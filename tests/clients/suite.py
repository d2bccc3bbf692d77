"""Drives byok with the official SDKs, the AI SDK and LangChain, in front of strict scripted upstreams of every
family.

Every client × every upstream × every case below. Started by ./run, which installs what is pinned. Prints a
Markdown table, what failed and why, and the line "N passed, N refused by design, N failed"; exits with 1 if
anything failed. A refusal by design is a cell of REFUSED: byok answers 400 and names the field.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request

import adapters
import events
import upstreams
from adapters import Broken

HERE = pathlib.Path(__file__).parent
WEATHER = {"Oslo": "snowing", "Rome": "sunny"}
FINAL = "It is snowing in Oslo and sunny in Rome."
HELLO = "Hello there, wörld."
SEE = "Let me see."
THOUGHTS = "Oslo and Rome, then."


class Refusal(Exception):
    """An answer with an error status: (status, words, wait)."""


class Worker:
    """A process of another language or environment that plays clients."""

    def __init__(self, command, setting):
        self.process = subprocess.Popen([*command, json.dumps(setting)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def turn(self, client, model, turns, wish):
        self.process.stdin.write(json.dumps({"client": client, "model": model, "turns": turns, "wish": wish}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the worker of {client} died")
        reply = json.loads(line)
        if "error" in reply:
            raise Refusal(*reply["error"])
        return reply


class Client:
    """One client, with what it cannot do because of its own making."""

    def __init__(self, name, family, turn, shows_thoughts=True, returns_tokens=True, returns_plain=True, sends_pdf=True,
                 waits=True, both=True, in_order=False, schema_by_tool=()):
        self.name, self.family, self.turn = name, family, turn
        self.shows_thoughts = shows_thoughts  # the client shows what the model thought
        self.returns_tokens = returns_tokens  # … sends opaque tokens back
        self.returns_plain = returns_plain    # … sends thoughts without a token back
        self.sends_pdf = sends_pdf
        self.waits = waits                    # … tells how long an error says to wait
        self.both = both                      # … asks for a schema beside tools
        self.schema_by_tool = schema_by_tool  # … asks for a schema as a tool that must be called, of these upstreams
        self.in_order = in_order              # … sends no ids, so its results must stand in the calls' order


def python_clients(base):
    for kind in adapters.ADAPTERS:
        adapter = kind(base)
        def turn(client, model, turns, wish, adapter=adapter):
            try:
                return adapter.turn(model, turns, wish)
            except adapter.errors as error:
                raise Refusal(*adapter.error(error)) from error
        yield Client(adapter.name, adapter.family, turn, shows_thoughts=adapter.shows_thoughts,
                     returns_tokens=adapter.returns_tokens, sends_pdf=adapter.sends_pdf, waits=adapter.waits)


def node_clients(setting):
    turn = Worker(["node", str(HERE / "adapters.mjs")], setting).turn
    yield Client("openai (JS)", "openai", turn)
    yield Client("openai Responses (JS)", "openai-responses", turn)
    yield Client("anthropic (JS)", "anthropic", turn)
    # Its Chat provider has no notion of thoughts; that is the business of @ai-sdk/openai-compatible.
    yield Client("ai-sdk openai chat", "openai", turn, shows_thoughts=False, returns_tokens=False, returns_plain=False)
    yield Client("ai-sdk openai responses", "openai-responses", turn, returns_plain=False)
    yield Client("ai-sdk anthropic", "anthropic", turn, returns_plain=False, schema_by_tool=[handler.family for handler in upstreams.FAMILIES])
    yield Client("ai-sdk google", "gemini", turn, waits=False, in_order=True, schema_by_tool=["gemini"])


def langchain_clients(setting):
    turn = Worker([str(HERE / ".venv-langchain/bin/python"), str(HERE / "langchain_adapters.py")], setting).turn
    yield Client("langchain-openai", "openai", turn, shows_thoughts=False, returns_tokens=False, returns_plain=False, both=False)
    yield Client("langchain-openai Responses", "openai-responses", turn, returns_plain=False, both=False)
    yield Client("langchain-anthropic", "anthropic", turn, both=False)
    yield Client("langchain-google-genai", "gemini", turn, both=False, waits=False, in_order=True)


class Cell:
    """One client on one upstream: what the cases are written with."""

    def __init__(self, client, handler, server):
        self.client, self.handler, self.server = client, handler, server
        self.turns = []

    def ask(self, *turns, model=None, **wish):
        self.turns += turns
        model = f"up-{self.handler.family}/{model or self.handler.model}"
        answer = self.client.turn(self.client.name, model, self.turns, wish)
        self.turns.append({"answer": answer["native"]})
        return answer

    def results(self, answer):
        """The results of an answer's calls, in another order than the calls'."""
        made = [(call, WEATHER[call["arguments"]["city"]]) for call in answer["calls"]]
        return {"results": made if self.client.in_order else made[::-1]}

    def says(self, answer, text):
        """Words beside calls are a plan to Cohere, which is reasoning to everyone else: shown to who wants it."""
        if answer["calls"] and self.handler is upstreams.Cohere:
            assert answer["text"] in ("", text) and (not answer["thoughts"] or answer["thoughts"].endswith(text)), answer
        else:
            same(answer["text"] or (answer["thoughts"] if self.client.family == "cohere" else ""), text)

    def calls(self, answer, cities):
        same([(call["name"], call["arguments"]) for call in answer["calls"]], [("weather", {"city": city}) for city in cities])
        same(answer["stop"], "tools")
        ids = [call["id"] for call in answer["calls"] if call["id"]]
        same(len(set(ids)), len(ids))

    def thinks(self, answer):
        if self.client.shows_thoughts:
            assert answer["thoughts"].startswith(THOUGHTS), f"thoughts {answer['thoughts']!r}"


def same(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def text(cell):
    answer = cell.ask({"user": "Hi"}, plain=True)
    same((answer["text"], answer["stop"], answer["calls"]), (HELLO, "end", []))


def stream(cell):
    answer = cell.ask({"user": "Hi"}, stream=True)
    same((answer["text"], answer["stop"], answer["calls"]), (HELLO, "end", []))


def tools(cell):
    for streams in (False, True):
        cell.turns = []
        answer = cell.ask({"user": "Weather in Oslo?"}, tools=True, stream=streams)
        cell.says(answer, SEE)
        cell.calls(answer, ["Oslo"])


def parallel(cell):
    for streams in (False, True):
        cell.turns = []
        answer = cell.ask({"user": "Weather?"}, tools=True, stream=streams)
        cell.says(answer, SEE)
        cell.calls(answer, ["Oslo", "Rome"])


def results(cell):
    for streams in (False, True):
        cell.turns = []
        asked = cell.ask({"user": "Weather?"}, tools=True, stream=streams)
        answer = cell.ask(cell.results(asked), tools=True, stream=streams)
        same((answer["text"], answer["stop"]), (FINAL, "end"))


def image(cell):
    same(cell.ask({"user": "What is it?", "image": True})["text"], "A red pixel.")


def pdf(cell):
    same(cell.ask({"user": "What is it?", "pdf": True})["text"], "An empty paper.")


def reasoning(cell):
    for streams in (False, True):
        cell.turns = []
        asked = cell.ask({"user": "Weather?"}, model=cell.handler.thinker, tools=True, think=True, stream=streams)
        cell.thinks(asked)
        cell.says(asked, SEE)
        cell.calls(asked, ["Oslo", "Rome"])
        cell.server.tokens.clear()
        answer = cell.ask(cell.results(asked), model=cell.handler.thinker, tools=True, think=True, stream=streams)
        same(answer["text"], FINAL)
        returns = cell.client.returns_plain if cell.handler is upstreams.Chat else cell.client.returns_tokens
        if returns and cell.server.tokens:
            assert cell.server.tokens[-1], "the vendor's token did not come back"


def structured(cell):
    for streams in (False, True):
        cell.turns = []
        same(json.loads(cell.ask({"user": "Where?"}, schema=True, stream=streams)["text"]), {"city": "Oslo"})


def both(cell):
    """A schema beside tools."""
    same(json.loads(cell.ask({"user": "Where?"}, schema=True, tools=True)["text"]), {"city": "Oslo"})


def usage(cell):
    for streams in (False, True):
        cell.turns = []
        answer = cell.ask({"user": "Hi"}, model=cell.handler.thinker, think=True, stream=streams)
        same(answer["text"], HELLO)
        cell.thinks(answer)
        given, cached, made, thoughts = answer["usage"]
        same((given, made), (20, 15))
        assert cached in (8, None), f"cached {cached}"
        known = (0, None) if cell.handler is upstreams.Cohere else (6, None)
        assert thoughts in known, f"tokens of thought {thoughts}"


def error(cell):
    try:
        cell.ask({"user": "fail"})
    except Refusal as refusal:
        status, words, wait = refusal.args
        same(status, 429)
        assert "Slow down, please." in words, words
        if cell.client.waits:
            same(str(wait), "7")
    else:
        raise AssertionError("no error")


def cut(cell):
    try:
        cell.ask({"user": "cut"}, stream=True)
    except (Refusal, Broken, Exception) as error:
        if isinstance(error, AssertionError):
            raise
        return
    raise AssertionError("a cut stream looked complete")


CASES = [text, stream, tools, parallel, results, image, pdf, reasoning, structured, both, usage, error, cut]

# What the clients' formats call the form of an answer: a refusal names the client's own field.
SCHEMA_FIELDS = ("response_format", "text.format", "output_config.format", "generationConfig.responseSchema", "format:")

# (upstream, case): the words of the refusal, one of which it holds. In the upstream's own format the words are the vendor's.
REFUSED = {
    ("cohere", "pdf"): ("messages[", "input[", "contents["),
    ("cohere", "both"): SCHEMA_FIELDS,
    ("gemini", "both"): (*SCHEMA_FIELDS, "response mime type"),
}


def run(cell, case):
    """A cell of the table: (mark, why)."""
    name = case.__name__
    if (name == "pdf" and not cell.client.sends_pdf) or (name == "both" and not cell.client.both):
        return "–", None
    words = REFUSED.get((cell.handler.family, name)) if not (name == "both" and cell.handler.family in cell.client.schema_by_tool) else None
    cell.server.translated = cell.client.family != cell.handler.family
    try:
        case(cell)
    except Refusal as refusal:
        status, said, _ = refusal.args
        if words and status == 400 and any(word in said for word in words):
            return "refused", None
        return "FAILED", f"{status}: {said}"[:700]
    except Exception as error:
        ours = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
        return "FAILED", f"{type(error).__name__}: {error} (suite.py:{ours[-1]})"[:700]
    return ("FAILED", "byok should have refused it") if words else ("ok", None)


def play(clients, servers, results):
    for client in clients:
        for handler in upstreams.FAMILIES:
            for case in CASES:
                results[client.name, handler.family, case.__name__] = run(Cell(client, handler, servers[handler.family]), case)


def start_byok(binary, config):
    """The real binary on a free port; returns the process, its base address and its log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tempfile.mkdtemp(prefix="byok-clients-")
    path = pathlib.Path(home, "config.yaml")
    path.touch(mode=0o600)
    path.write_text(config)
    log = open(pathlib.Path(home, "log"), "wb")
    process = subprocess.Popen([binary, "serve", "-c", str(path), "-p", str(port), "--db", ":memory:"],
                               env={**os.environ, "BYOK_HOME": home}, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 20
    while True:
        try:
            urllib.request.urlopen(f"{base}/healthz", timeout=1).read()
            return process, base, pathlib.Path(home, "log")
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("byok did not start:\n" + pathlib.Path(home, "log").read_text())


def table(results):
    names = [case.__name__ for case in CASES]
    print("| client | upstream | " + " | ".join(names) + " |")
    print("| --- " * (len(names) + 2) + "|")
    for client in dict.fromkeys(key[0] for key in results):
        for handler in upstreams.FAMILIES:
            marks = [results[client, handler.family, name][0] for name in names]
            print(f"| {client} | {handler.family} | " + " | ".join(marks) + " |")


def main():
    # Each worker has upstreams of its own, so that what they were asked is not mixed up.
    results, logs, failures = {}, [], []
    adapters.IMAGE, adapters.DOCUMENT = upstreams.PNG, upstreams.PDF

    def group(make):
        servers = upstreams.serve()
        process, base, log = start_byok(sys.argv[1], upstreams.config(servers))
        mine = {}
        try:
            make(base, servers, mine)
        finally:
            process.terminate()
            process.wait(timeout=30)
        results[make] = mine
        logs.append((log, servers))

    def python(base, servers, mine):
        play(python_clients(base), servers, mine)

    def node(base, servers, mine):
        play(node_clients({"base": base, "image": upstreams.PNG, "pdf": upstreams.PDF}), servers, mine)

    def langchain(base, servers, mine):
        play(langchain_clients({"base": base, "image": upstreams.PNG, "pdf": upstreams.PDF}), servers, mine)

    def raw(base, servers, mine):
        failures.extend(events.check(base, servers))

    threads = [threading.Thread(target=group, args=[make]) for make in (python, node, langchain, raw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(results) != len(threads):
        sys.exit("a part of the suite did not run")
    cells = {key: cell for make in (python, node, langchain) for key, cell in results[make].items()}
    table(cells)
    failed = {key: why for key, (mark, why) in cells.items() if mark == "FAILED"}
    for key, why in failed.items():
        print("FAILED", *key, "-", why)
    for why in failures:
        print("FAILED event", why)
    if failed or failures:
        for log, servers in logs:
            for family, server in servers.items():
                for refusal in dict.fromkeys(server.refusals):
                    print(f"refused by {family}: {refusal}")
            print(log.read_text()[-2000:])
    marks = [mark for mark, _ in cells.values()]
    print(f"{marks.count('ok')} passed, {marks.count('refused')} refused by design, {len(failed)} failed; "
          f"{events.checked} events checked, {len(failures)} wrong")
    sys.exit(bool(failed or failures))


main()
